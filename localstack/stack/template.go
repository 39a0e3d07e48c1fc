package stack

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// template is a SAM template as it stands in its file, tags and all.
type template struct {
	path string
	root yaml.Node
}

// resource is one entry of a template's Resources.
type resource struct {
	id         string // logical id
	kind       string // such as AWS::Serverless::Function
	properties *yaml.Node
}

func readTemplate(path string) (*template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}

	t := &template{path: path}
	if err := yaml.Unmarshal(text, &t.root); err != nil {
		return nil, fmt.Errorf("parse template %s: %w", path, err)
	}

	if len(t.root.Content) == 0 || field(t.root.Content[0], "Resources") == nil {
		return nil, fmt.Errorf("template %s has no Resources", path)
	}

	return t, nil
}

// resources gives the resources of a kind, in the template's order.
func (t *template) resources(kind string) []resource {
	all := field(t.root.Content[0], "Resources")

	var found []resource

	for i := 0; i+1 < len(all.Content); i += 2 {
		name, body := all.Content[i], all.Content[i+1]

		if node := field(body, "Type"); node != nil && node.Value == kind {
			found = append(found, resource{id: name.Value, kind: kind, properties: field(body, "Properties")})
		}
	}

	return found
}

// functions gives the names of the functions' folders: what comes before
// Function in their logical ids.
func (t *template) functions() []string {
	var names []string
	for _, function := range t.resources("AWS::Serverless::Function") {
		names = append(names, folderOf(function.id))
	}

	return names
}

func folderOf(logicalID string) string {
	return strings.ToLower(strings.TrimSuffix(logicalID, "Function"))
}

// body gives the template as text.
func (t *template) body() ([]byte, error) {
	text, err := yaml.Marshal(&t.root)
	if err != nil {
		return nil, fmt.Errorf("write template %s: %w", t.path, err)
	}

	return text, nil
}

// route is a path of the HTTP API and the function behind it.
type route struct {
	function string // logical id
	key      string // such as "POST /telegram/{store}"
}

var errEventIncomplete = errors.New("event of type HttpApi lacks Method or Path")

// routes gives what the functions' HttpApi events ask for.
func (t *template) routes() ([]route, error) {
	var found []route

	for _, function := range t.resources("AWS::Serverless::Function") {
		events := field(function.properties, "Events")
		if events == nil {
			continue
		}

		for i := 1; i < len(events.Content); i += 2 {
			event := events.Content[i]
			if kind := field(event, "Type"); kind == nil || kind.Value != "HttpApi" {
				continue
			}

			method, path := field(event, "Properties", "Method"), field(event, "Properties", "Path")
			if method == nil || path == nil {
				return nil, fmt.Errorf("read routes of %s: %w", function.id, errEventIncomplete)
			}

			found = append(found, route{function: function.id, key: method.Value + " " + path.Value})
		}
	}

	return found, nil
}

// field walks down a mapping; nil where a key is missing.
func field(node *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}

		var next *yaml.Node

		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				next = node.Content[i+1]
			}
		}

		node = next
	}

	return node
}

// set puts a value into a mapping, in place of what is there.
func set(mapping *yaml.Node, key string, value any) error {
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}

	if old := field(mapping, key); old != nil {
		*old = node

		return nil
	}

	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &node)

	return nil
}
