package command

// show reads a command that only shows something. It does not look at the words, except
// for devices.
func (a *args) show(c *Command) {
	for a.more() {
		if a.take() == "dev" {
			a.link(a.value())
		}
	}
	c.Reads = true
}
