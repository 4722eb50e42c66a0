package load

import (
	"encoding/json"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// rule reads a rule as `ip -j rule` prints it.
func (j *jsonReader) rule(raw []byte) error {
	var has struct {
		Priority iproute2.Text `json:"priority"`
	}
	if err := json.Unmarshal(raw, &has); err != nil {
		return err
	}
	if _, err := iproute2.ParseUint(string(has.Priority), 32); err != nil {
		return err
	}
	named, odd := iproute2.ParseRuleJSON(raw)
	c := j.context
	if c.family == 0 && j.secondRules {
		c.family = route.IPv6
	}
	r, err := j.resolveRule(&named, odd, &c)
	j.context.rules = c.rules
	j.addRule(r)
	return err
}
