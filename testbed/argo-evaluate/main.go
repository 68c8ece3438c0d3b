// Command argo-evaluate says what Argo Rollouts makes of conditions: lines of JSON in, a line each out.
//
//	{"condition": "result[0] > 1", "value": {"vector": [2, "NaN", "+Inf"]}}
//
// A value is {"scalar": NUMBER}, {"vector": [NUMBER...]} or {"web": JSON}, typed as Argo's providers type it
// (metricproviders/prometheus/prometheus.go: processResponse; metricproviders/webmetric/webmetric.go: parseResponse).
// The answer is true, false or "error: WHY".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/argoproj/argo-rollouts/utils/evaluate"
)

// number is written as JSON has it, or as a string where JSON has none: NaN, +Inf, -Inf.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	parsed, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	*n = number(parsed)
	return err
}

type line struct {
	Condition string `json:"condition"`
	Value     struct {
		Scalar *number         `json:"scalar"`
		Vector *[]number       `json:"vector"`
		Web    json.RawMessage `json:"web"`
	} `json:"value"`
}

func (l line) value() (any, error) {
	switch {
	case l.Value.Scalar != nil:
		return float64(*l.Value.Scalar), nil
	case l.Value.Vector != nil:
		list := make([]float64, len(*l.Value.Vector))
		for i, n := range *l.Value.Vector {
			list[i] = float64(n)
		}
		return list, nil
	default:
		var web any
		err := json.Unmarshal(l.Value.Web, &web)
		return web, err
	}
}

func answer(text []byte) (string, error) {
	var asked line
	if err := json.Unmarshal(text, &asked); err != nil {
		return "", err
	}
	value, err := asked.value()
	if err != nil {
		return "", err
	}
	is, err := evaluate.EvalCondition(value, asked.Condition)
	if err != nil {
		return "error: " + strings.Join(strings.Fields(err.Error()), " "), nil
	}
	return strconv.FormatBool(is), nil
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for in.Scan() {
		said, err := answer(in.Bytes())
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", in.Text(), err)
			os.Exit(1)
		}
		fmt.Fprintln(out, said)
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out.Flush()
}
