package format

import "strings"

// Timeless returns the LogFormat strings for lines of a format, named as in New, whose time was
// removed, with "-" in its place. It returns none for a format that is not a LogFormat. Audit
// reads such lines.
func Timeless(spec string) (list []string) {
	dated := []string{spec}
	switch named, ok := namedFormats[spec]; {
	case spec == "auto":
		dated = []string{sslRequestFormat}
		for _, host := range autoHosts {
			for _, format := range autoFormats {
				dated = append(dated, host+format)
			}
		}
	case ok:
		dated[0] = named
	case IsError(spec) || !strings.Contains(spec, "%"):
		return nil
	}
	for _, logFormat := range dated {
		pieces, err := Pieces(logFormat)
		if err != nil {
			return nil
		}
		var b strings.Builder
		for _, p := range pieces {
			switch {
			case p.Directive == "":
				b.WriteString(strings.NewReplacer("%", "%%", `\`, `\\`).Replace(p.Text))
			case p.Role == RoleTime:
				b.WriteByte('-')
			default:
				b.WriteString(p.Directive)
			}
		}
		list = append(list, b.String())
	}
	return list
}
