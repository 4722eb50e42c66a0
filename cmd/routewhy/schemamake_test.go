package main

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/big"
	"net/netip"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// node is a part of a JSON Schema.
type node = map[string]any

// schemaMaker makes JSON Schemas of types, with the comments of their source.
type schemaMaker struct {
	defs map[string]node
	// allOptional says that each member of an object may be left out, and that there are no
	// others.
	allOptional bool
	docs        map[string]string // of "package.Type" and "package.Type.Field"
	consts      map[string][]node // the values of "package.Type", a type of strings
}

// special are the types of which encoding/json does not show the form.
func special() map[reflect.Type]node {
	return map[reflect.Type]node{
		reflect.TypeFor[report.Operand]():   {"type": []string{"integer", "string"}},
		reflect.TypeFor[iproute2.Metrics](): {"type": "array", "items": node{"type": "object", "additionalProperties": node{"type": []string{"integer", "string", "boolean"}}}},
		reflect.TypeFor[big.Int]():          {"type": "integer"},
		reflect.TypeFor[time.Time]():        {"type": "string", "format": "date-time"},
		reflect.TypeFor[netip.Addr]():       {"type": "string", "description": "an IP address; empty: none"},
		reflect.TypeFor[netip.Prefix]():     {"type": "string", "description": "a prefix with its length"},
		reflect.TypeFor[json.RawMessage]():  {},
	}
}

// of is the schema of a type.
func (m *schemaMaker) of(t reflect.Type) node {
	if n, ok := special()[t]; ok {
		return n
	}
	if strings.HasPrefix(t.Name(), "Rows[") {
		at, _ := reflect.PointerTo(t).MethodByName("At")
		return node{"type": "array", "items": m.of(at.Type.Out(0))}
	}
	if t.Kind() == reflect.Pointer {
		return m.of(t.Elem())
	}
	if t.Implements(reflect.TypeFor[json.Marshaler]()) {
		panic(fmt.Sprintf("the form of %v is not known", t))
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return m.named(t, m.texts)
	}
	switch t.Kind() {
	case reflect.Struct:
		return m.named(t, m.object)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return node{"type": "string", "contentEncoding": "base64"}
		}
		return node{"type": "array", "items": m.of(t.Elem())}
	case reflect.Map:
		return node{"type": "object", "additionalProperties": m.of(t.Elem())}
	case reflect.String:
		if len(m.consts[t.String()]) > 0 {
			return m.named(t, m.words)
		}
		return node{"type": "string"}
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return node{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return node{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return node{"type": "integer", "minimum": 0}
	case reflect.Interface:
		return node{}
	}
	panic(fmt.Sprintf("no schema of %v", t))
}

// named refers to the definition of a type, and makes it the first time.
func (m *schemaMaker) named(t reflect.Type, body func(reflect.Type) node) node {
	name := strings.TrimPrefix(strings.ReplaceAll(t.String(), "*", ""), "main.")
	if m.allOptional {
		name = "snapshot." + t.Name()
	}
	if _, ok := m.defs[name]; !ok {
		m.defs[name] = node{} // for types that refer to themselves
		n := body(t)
		if doc := m.doc(t, ""); doc != "" {
			n["description"] = doc
		}
		m.defs[name] = n
	}
	return node{"$ref": "#/$defs/" + name}
}

// words are the strings that a type has.
func (m *schemaMaker) words(t reflect.Type) node {
	all := m.consts[t.String()]
	if t == reflect.TypeFor[lookup.Code]() {
		all = m.codes(all)
	}
	return node{"oneOf": all}
}

// codes are all codes of reasons: those that are declared, the shortcuts, the fields of a
// packet and the facts that may be missing.
func (m *schemaMaker) codes(all []node) []node {
	all = slices.Clone(all)
	add := func(code, about string) {
		if !slices.ContainsFunc(all, func(n node) bool { return n["const"] == code }) {
			all = append(all, node{"const": code, "description": about})
		}
	}
	for _, n := range m.consts["lookup.Shortcut"] {
		add(fmt.Sprint(n["const"]), fmt.Sprint(n["description"]))
	}
	for _, n := range m.consts["lookup.Field"] {
		add(fmt.Sprint(n["const"]), fmt.Sprintf("a rule or a route asks for the packet's %s, which was not given; have: what was assumed", n["const"]))
	}
	for _, n := range m.consts["route.Fact"] {
		fact := fmt.Sprint(n["const"])
		add(string(report.GapCode(route.Fact(fact))), "the answer rests on a fact that was not read: "+fact)
	}
	return all
}

// texts are the texts that a type marshals to: names for some numbers, and the number for
// each other one.
func (m *schemaMaker) texts(t reflect.Type) node {
	var names []string
	numbers := false
	if k := t.Kind(); k < reflect.Int || k > reflect.Uint64 {
		return node{"type": "string"}
	}
	for i := range 256 {
		v := reflect.New(t).Elem()
		if v.CanUint() {
			v.SetUint(uint64(i))
		} else if i < 128 {
			v.SetInt(int64(i))
		}
		text, ok := textOf(v.Interface().(encoding.TextMarshaler))
		if _, err := strconv.Atoi(text); err == nil {
			numbers = true
		} else if ok && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	if len(names) > 200 {
		return node{"type": "string"}
	}
	if numbers {
		return node{"anyOf": []node{{"enum": names}, {"type": "string", "pattern": "^[0-9]+$"}}}
	}
	return node{"enum": names}
}

// textOf is the text of a value. False: the type has no such value.
func textOf(v encoding.TextMarshaler) (text string, ok bool) {
	defer func() { ok = recover() == nil && ok }()
	b, err := v.MarshalText()
	return string(b), err == nil
}

// object is the schema of a struct.
func (m *schemaMaker) object(t reflect.Type) node {
	members := map[string]node{}
	required := []string{}
	m.members(t, members, &required)
	n := node{"type": "object", "properties": members}
	if m.allOptional {
		n["additionalProperties"] = false
	} else if len(required) > 0 {
		slices.Sort(required)
		n["required"] = required
	}
	return n
}

// members adds the members of a struct and of those that it embeds.
func (m *schemaMaker) members(t reflect.Type, to map[string]node, required *[]string) {
	var embedded []reflect.Type
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			embedded = append(embedded, inner)
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		name = cmp.Or(name, f.Name)
		if to[name] != nil {
			continue // of a struct outside this one
		}
		one := m.of(f.Type)
		if doc := m.doc(t, f.Name); doc != "" {
			one = withDescription(one, doc)
		}
		to[name] = one
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
	for _, inner := range embedded {
		m.members(inner, to, required)
	}
}

func withDescription(n node, doc string) node {
	out := node{"description": doc}
	for k, v := range n {
		if k != "description" {
			out[k] = v
		}
	}
	return out
}

// doc is the comment about a type or, if a field is given, about its field. Fields have
// their names of JSON in it.
func (m *schemaMaker) doc(t reflect.Type, field string) string {
	if field == "" {
		return m.docs[t.String()]
	}
	return goName.ReplaceAllStringFunc(m.docs[t.String()+"."+field], func(word string) string {
		if f, ok := t.FieldByName(word); ok {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return cmp.Or(name, word)
		}
		return word
	})
}

var goName = regexp.MustCompile(`\b[A-Z]\w*\b`)

// newSchemaMaker reads the source, and has no definitions yet.
func newSchemaMaker(t *testing.T) *schemaMaker {
	t.Helper()
	m := &schemaMaker{defs: map[string]node{}, docs: map[string]string{}, consts: map[string][]node{}}
	read := func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/internal/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok {
				m.add(file.Name.Name, decl)
			}
		}
		return nil
	}
	for _, dir := range []string{"../../lookup", "../../route"} {
		if err := filepath.WalkDir(dir, read); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// add takes over a declaration of a package.
func (m *schemaMaker) add(pkg string, decl *ast.GenDecl) {
	for _, s := range decl.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			m.docs[pkg+"."+s.Name.Name] = oneLine(cmp.Or(s.Doc.Text(), decl.Doc.Text()))
			if st, ok := s.Type.(*ast.StructType); ok {
				m.fields(pkg+"."+s.Name.Name, st)
			}
		case *ast.ValueSpec:
			if typ, ok := codeType(s.Type); ok && decl.Tok == token.CONST && len(s.Values) == 1 {
				if sel, ok := s.Type.(*ast.SelectorExpr); ok {
					typ = fmt.Sprint(sel.X) + "." + typ
				} else {
					typ = pkg + "." + typ
				}
				m.constant(typ, s, decl)
			}
		}
	}
}

// fields takes over the comments of a struct's fields. A comment may be about the fields
// after it too, if it names them.
func (m *schemaMaker) fields(of string, st *ast.StructType) {
	last := ""
	for _, f := range st.Fields.List {
		doc := oneLine(cmp.Or(f.Doc.Text(), f.Comment.Text()))
		if f.Doc != nil {
			last = doc
		}
		for _, n := range f.Names {
			m.docs[of+"."+n.Name] = doc
			if doc == "" && strings.Contains(last, n.Name) {
				m.docs[of+"."+n.Name] = last
			}
		}
	}
}

func (m *schemaMaker) constant(typ string, s *ast.ValueSpec, decl *ast.GenDecl) {
	lit, ok := s.Values[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	word, err := strconv.Unquote(lit.Value)
	if err != nil || word == "" {
		return
	}
	one := node{"const": word}
	about := cmp.Or(s.Comment.Text(), s.Doc.Text())
	if about == "" && !decl.Lparen.IsValid() {
		about = decl.Doc.Text()
	}
	about = operandNames(strings.TrimPrefix(oneLine(about), s.Names[0].Name+": "))
	if k, ok := report.KindOf(lookup.Code(word)); ok && typ == "lookup.Code" {
		switch {
		case about == "" || strings.EqualFold(about, k.Title):
			about = k.Title
		default:
			about = k.Title + ": " + about
		}
	}
	if about != "" {
		one["description"] = about
	}
	m.consts[typ] = append(m.consts[typ], one)
}

// operandNames names the members of JSON in what a code's comment says of them.
func operandNames(s string) string {
	return regexp.MustCompile(`\b(Have|Want|Rule|Route|Table|More|Addresses|Sockets|Devs)\b`).ReplaceAllStringFunc(s, strings.ToLower)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
