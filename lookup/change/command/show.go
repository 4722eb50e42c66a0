package command

// show takes a command that only shows something: its words are not looked at, except for
// devices.
func (a *args) show(c *Command) {
	for a.more() {
		if a.take() == "dev" {
			a.link(a.value())
		}
	}
	c.Reads = true
}
