package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// rows is as much of DynamoDB as one worker needs that has it to itself: what
// is written is there, and conditions are not looked at.
type rows struct {
	mu    sync.Mutex
	items map[string]map[string]item // by table, by partition and sort key
}

type item map[string]map[string]any

func (i item) key() string { return fmt.Sprint(i["pk"]["S"], "\x00", i["sk"]["S"]) }

type request struct {
	Table     string `json:"TableName"`
	Item      item   `json:"Item"`
	Key       item   `json:"Key"`
	Condition string `json:"KeyConditionExpression"`
	Values    item   `json:"ExpressionAttributeValues"`
	Index     string `json:"IndexName"`
	Items     []struct {
		Put    *request `json:"Put"`
		Delete *request `json:"Delete"`
	} `json:"TransactItems"`
}

// answer carries out one call of DynamoDB's JSON protocol.
func (r *rows) answer(action string, body []byte) (any, error) {
	var call request
	if err := json.Unmarshal(body, &call); err != nil {
		return nil, fmt.Errorf("read the call: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	switch action {
	case "GetItem":
		if found, there := r.items[call.Table][call.Key.key()]; there {
			return map[string]any{"Item": found}, nil
		}
	case "Query":
		return r.query(call), nil
	case "PutItem":
		r.put(call)
	case "DeleteItem":
		delete(r.items[call.Table], call.Key.key())
	case "TransactWriteItems":
		for _, one := range call.Items {
			if one.Put != nil {
				r.put(*one.Put)
			}

			if one.Delete != nil {
				delete(r.items[one.Delete.Table], one.Delete.Key.key())
			}
		}
	case "UpdateItem": // counters, which nothing here reads
	default:
		return nil, fmt.Errorf("no answer is known for %s", action)
	}

	return map[string]any{}, nil
}

func (r *rows) put(call request) {
	if r.items == nil {
		r.items = map[string]map[string]item{}
	}

	if r.items[call.Table] == nil {
		r.items[call.Table] = map[string]item{}
	}

	r.items[call.Table][call.Item.key()] = call.Item
}

// query finds the rows of a partition whose sort keys begin as asked; an index
// has none.
func (r *rows) query(call request) any {
	found := []item{}
	partition, bound := call.Values[":partition"]["S"], fmt.Sprint(call.Values[":bound"]["S"])

	for _, row := range r.items[call.Table] {
		if call.Index != "" || row["pk"]["S"] != partition {
			continue
		}

		if strings.Contains(call.Condition, "begins_with") && !strings.HasPrefix(fmt.Sprint(row["sk"]["S"]), bound) {
			continue
		}

		found = append(found, row)
	}

	slices.SortFunc(found, func(a, b item) int { return strings.Compare(a.key(), b.key()) })

	return map[string]any{"Items": found, "Count": len(found)}
}
