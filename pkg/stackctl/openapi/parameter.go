package openapi

import (
	"fmt"
	"strings"
)

func (c *Comparer) parameters(p, q Operation) {
	c.names("parameters", c.Want.parameters(p), c.Got.parameters(q), c.parameter)
}

// parameters are those of the operation and of its path, by place and name.
func (d *Doc) parameters(o Operation) map[string]any {
	out := map[string]any{}
	for _, list := range []any{o.Item["parameters"], o.Op["parameters"]} {
		items, _ := list.([]any)
		for _, v := range items {
			m := d.Object(v)
			in, _ := m["in"].(string)
			name, _ := m["name"].(string)
			switch in {
			case "path":
				name = position(o.Path, name)
			case "header":
				name = strings.ToLower(name)
				if name == "accept" || name == "content-type" || name == "authorization" {
					continue // OpenAPI ignores them
				}
			}
			if m != nil {
				out[in+" "+name] = m
			}
		}
	}
	return out
}

// position is the number of a path parameter in its path.
func position(path, name string) string {
	before, _, ok := strings.Cut(path, "{"+name+"}")
	if !ok {
		return name
	}
	return fmt.Sprint(strings.Count(before, "{") + 1)
}

// parameter compares parameters and headers.
func (c *Comparer) parameter(where string, a, b any) {
	x, y := c.Want.Object(a), c.Got.Object(b)
	c.schema(where+"/schema", x["schema"], y["schema"])
	c.content(where, x["content"], y["content"])
	for _, k := range []string{"required", "allowEmptyValue", "allowReserved"} {
		c.value(where+"/"+k, x[k] == true, y[k] == true)
	}
	sx, ex := style(x)
	sy, ey := style(y)
	c.value(where+"/style", sx, sy)
	c.value(where+"/explode", ex, ey)
}

// style returns the style and explode of a parameter, defaults filled in.
func style(m map[string]any) (string, bool) {
	style, _ := m["style"].(string)
	if style == "" {
		style = "simple"
		if in := m["in"]; in == "query" || in == "cookie" {
			style = "form"
		}
	}
	if explode, ok := m["explode"].(bool); ok {
		return style, explode
	}
	return style, style == "form"
}
