package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"stackctl/pkg/stackctl/stack"
)

// maxSOPS bounds a file of SOPS, which may hold many values.
const maxSOPS = 1 << 20

// member is one value of a file of SOPS. The file is read as SOPS 3 writes it:
// values are AES-256-GCM, and one sum over all of them is checked before any is
// used.
func (r *Reader) member(s stack.SecretSource) (value []byte, fix string, err error) {
	if _, read := r.sops[s.SOPS]; !read {
		raw, fix, err := content(s.SOPS, maxSOPS)
		if err != nil {
			return nil, fix, err
		}
		values, fix, err := r.decrypted(s.SOPS, raw)
		if err != nil {
			return nil, fix, err
		}
		if r.sops == nil {
			r.sops = map[string]map[string]string{}
		}
		r.sops[s.SOPS] = values
	}
	text, there := r.sops[s.SOPS][s.Key]
	if !there {
		return nil, "correct key: parts of a path are joined by dots, such as db.password", errors.New("it has no value of that key")
	}
	return []byte(text), "", nil
}

// sealed is a file of SOPS: its metadata, and the values as a tree.
type sealed struct {
	Sops struct {
		Age []struct {
			Recipient string `yaml:"recipient"`
			Enc       string `yaml:"enc"`
		} `yaml:"age"`
		LastModified      string `yaml:"lastmodified"`
		MAC               string `yaml:"mac"`
		MACOnlyEncrypted  bool   `yaml:"mac_only_encrypted"`
		UnencryptedSuffix string `yaml:"unencrypted_suffix"`
		EncryptedSuffix   string `yaml:"encrypted_suffix"`
		UnencryptedRegex  string `yaml:"unencrypted_regex"`
		EncryptedRegex    string `yaml:"encrypted_regex"`
		UnencryptedNotes  string `yaml:"unencrypted_comment_regex"`
		EncryptedNotes    string `yaml:"encrypted_comment_regex"`
		Shamir            int    `yaml:"shamir_threshold"`
	} `yaml:"sops"`
}

func (r *Reader) decrypted(file string, raw []byte) (values map[string]string, fix string, err error) {
	node, err := tree(file, raw)
	if err != nil {
		return nil, "give a file as `sops --encrypt --age` writes it: YAML, JSON or dotenv", err
	}
	var meta sealed
	if err := node.Decode(&meta); err != nil {
		return nil, "take it out of git anew", errors.New("its part sops is not as SOPS writes it")
	}
	m := meta.Sops
	switch {
	case m.MAC == "":
		return nil, "encrypt it with `sops --encrypt --age`", errors.New("it is not encrypted by SOPS")
	case len(m.Age) == 0:
		return nil, "add an age recipient with `sops rotate --add-age`", errors.New("SOPS encrypted it for no age recipient")
	case m.UnencryptedNotes != "" || m.EncryptedNotes != "" || m.Shamir > 1:
		return nil, "encrypt it without rules on comments and key groups", errors.New("it needs what this reader lacks")
	}
	key, fix, err := r.dataKey(meta)
	if err != nil {
		return nil, fix, err
	}
	w := walker{key: key, meta: meta, sum: sha512.New(), values: map[string]string{}}
	if m.MACOnlyEncrypted {
		w.sum.Write(onlyEncrypted)
	}
	if err := w.mapping(node, nil, ""); err != nil {
		return nil, "take it out of git anew: it was changed without sops", err
	}
	want, err := open(m.MAC, key, m.LastModified)
	if err != nil || want != fmt.Sprintf("%X", w.sum.Sum(nil)) {
		return nil, "take it out of git anew: it was changed without sops", errors.New("its sum does not fit its values")
	}
	return w.values, "", nil
}

// onlyEncrypted begins the sum where it covers encrypted values alone (sops.go,
// MACOnlyEncryptedInitialization).
var onlyEncrypted = []byte{0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0xb,
	0xb, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69}

// dataKey opens the key of the values with the first recipient that fits.
func (r *Reader) dataKey(meta sealed) (key []byte, fix string, err error) {
	for _, a := range meta.Sops.Age {
		if key, fix, err = r.opened([]byte(a.Enc)); err == nil {
			break
		}
	}
	if err == nil && len(key) != 32 {
		return nil, "take it out of git anew", errors.New("the key of its values is none of AES-256")
	}
	return key, fix, err
}

// tree reads a file of any of the formats as a mapping.
func tree(file string, raw []byte) (*yaml.Node, error) {
	if strings.HasSuffix(file, ".env") || !bytes.Contains(raw, []byte("sops:")) && !bytes.Contains(raw, []byte(`"sops"`)) {
		return dotenv(raw)
	}
	var doc yaml.Node
	// JSON is YAML, but for the tabs that SOPS indents it with.
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		raw = bytes.ReplaceAll(raw, []byte("\t"), []byte("  "))
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is neither YAML nor JSON with keys")
	}
	return doc.Content[0], nil
}

// listed is a member of the metadata of a dotenv file.
var listed = regexp.MustCompile(`^sops_age__list_(\d+)__map_(recipient|enc)$`)

// dotenv reads a dotenv file as the mapping that YAML would be.
func dotenv(raw []byte) (*yaml.Node, error) {
	out, meta := map[string]string{}, map[string]any{}
	var order []string
	recipients := map[int]map[string]string{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, errors.New("a line of it is not NAME=value")
		}
		value = strings.ReplaceAll(value, `\n`, "\n")
		inner, isMeta := strings.CutPrefix(name, "sops_")
		switch m := listed.FindStringSubmatch(name); {
		case m != nil:
			n, _ := strconv.Atoi(m[1])
			if recipients[n] == nil {
				recipients[n] = map[string]string{}
			}
			recipients[n][m[2]] = value
		case isMeta && inner == "mac_only_encrypted":
			meta[inner] = value == "true"
		case isMeta && inner != "shamir_threshold":
			meta[inner] = value
		case !isMeta:
			out[name] = value
			order = append(order, name)
		}
	}
	var list []map[string]string
	for _, one := range recipients {
		list = append(list, one)
	}
	meta["age"] = list
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range order {
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: out[name]})
	}
	var of yaml.Node
	if err := of.Encode(meta); err != nil {
		return nil, err
	}
	node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "sops"}, &of)
	return node, nil
}

// walker opens the values of a tree in order, and sums them as SOPS does.
type walker struct {
	key    []byte
	meta   sealed
	sum    hash.Hash
	values map[string]string
}

func (w *walker) mapping(node *yaml.Node, path []string, at string) error {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := node.Content[i].Value
		if len(path) == 0 && name == "sops" {
			continue
		}
		if err := w.value(node.Content[i+1], append(path[:len(path):len(path)], name), strings.TrimPrefix(at+"."+name, ".")); err != nil {
			return err
		}
	}
	return nil
}

// value walks one value. path is where SOPS has it, which takes no notice of
// lists; at is the same with the places in them.
func (w *walker) value(node *yaml.Node, path []string, at string) error {
	switch node.Kind {
	case yaml.MappingNode:
		return w.mapping(node, path, at)
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if err := w.value(item, path, fmt.Sprintf("%s.%d", at, i)); err != nil {
				return err
			}
		}
		return nil
	case yaml.ScalarNode:
	default:
		return errors.New("it has an alias, which SOPS does not write")
	}
	if node.Tag == "!!null" {
		return nil
	}
	text, encrypted := canonical(node), w.encrypted(path)
	if encrypted && node.Value != "" {
		var err error
		if text, err = open(node.Value, w.key, strings.Join(path, ":")+":"); err != nil {
			return fmt.Errorf("the value of %s cannot be opened", at)
		}
	}
	if encrypted || !w.meta.Sops.MACOnlyEncrypted {
		w.sum.Write([]byte(text))
	}
	if strings.HasSuffix(node.Value, ",type:bool]") {
		text = strings.ToLower(text) // as sops shows it
	}
	w.values[at] = text
	return nil
}

// encrypted reports whether the rules of the file encrypt a path.
func (w *walker) encrypted(path []string) bool {
	m := w.meta.Sops
	some := func(fits func(string) bool) bool {
		for _, p := range path {
			if fits(p) {
				return true
			}
		}
		return false
	}
	matches := func(pattern string) func(string) bool {
		of, err := regexp.Compile(pattern)
		return func(p string) bool { return err == nil && of.MatchString(p) }
	}
	is := true
	if m.UnencryptedSuffix != "" {
		is = !some(func(p string) bool { return strings.HasSuffix(p, m.UnencryptedSuffix) })
	}
	if m.EncryptedSuffix != "" {
		is = some(func(p string) bool { return strings.HasSuffix(p, m.EncryptedSuffix) })
	}
	if m.UnencryptedRegex != "" && some(matches(m.UnencryptedRegex)) {
		is = false
	}
	if m.EncryptedRegex != "" {
		is = some(matches(m.EncryptedRegex))
	}
	return is
}

// canonical is a value that was not encrypted, as SOPS sums it (sops.go, ToBytes).
func canonical(node *yaml.Node) string {
	switch node.Tag {
	case "!!bool":
		if strings.EqualFold(node.Value, "true") {
			return "True"
		}
		return "False"
	case "!!int":
		if n, err := strconv.ParseInt(node.Value, 0, 64); err == nil {
			return strconv.FormatInt(n, 10)
		}
	case "!!float":
		if f, err := strconv.ParseFloat(node.Value, 64); err == nil {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return node.Value
}

var box = regexp.MustCompile(`^ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(.+)\]$`)

// open decrypts one value; where it stands is authenticated with it.
func open(text string, key []byte, where string) (string, error) {
	m := box.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", errors.New("not as SOPS writes a value")
	}
	var parts [3][]byte
	for i := range parts {
		var err error
		if parts[i], err = base64.StdEncoding.DecodeString(m[i+1]); err != nil {
			return "", err
		}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	if len(parts[1]) == 0 || len(parts[2]) != 16 {
		return "", errors.New("no nonce or tag")
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, len(parts[1]))
	if err != nil {
		return "", err
	}
	plain, err := gcm.Open(nil, parts[1], append(parts[0], parts[2]...), []byte(where))
	return string(plain), err
}
