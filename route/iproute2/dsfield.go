package iproute2

// NamedNumber is a number of one octet that has a name.
type NamedNumber struct {
	Name   string
	Number uint8
}

// TOSNames are the names of iproute2's rt_dsfield file, both today's and the older ones of
// RFC 791 precedence, and the names of the DSCP classes. The numbers are whole octets. If
// several names have the same number, today's name is first.
func TOSNames() []NamedNumber {
	return []NamedNumber{
		{"default", 0x00}, {"be", 0x00}, {"cs0", 0x00}, {"le", 0x04},
		{"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60}, {"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0},
		{"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38},
		{"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
		{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78},
		{"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98},
		{"va", 0xb0}, {"ef", 0xb8},
		{"lowdelay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04},
		{"priority", 0x20}, {"immediate", 0x40}, {"flash", 0x60}, {"flash-override", 0x80},
		{"critical", 0xa0}, {"internet", 0xc0}, {"network", 0xe0},
	}
}
