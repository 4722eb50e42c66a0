package change

func (c *Link) apply(_ *tx) *Refusal      { return &Refusal{Unknown: "not yet"} }
func (c *Neighbour) apply(_ *tx) *Refusal { return &Refusal{Unknown: "not yet"} }
func (c *Sysctl) apply(_ *tx) *Refusal    { return &Refusal{Unknown: "not yet"} }
