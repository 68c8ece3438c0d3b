// Command prometheus-read says what Prometheus itself reads in texts of metrics: lines of JSON in, a line each out.
//
//	{"form": "text/plain", "text": "a{b=\"c\"} 1\n"}
//
// The answer is {"samples": [...]} or {"error": WHY}. A sample has its name, its labels without empty ones, and the bits of
// its value, because not every number has a place in JSON. What is no fault of the text but makes a scrape fail all the
// same is an error too (scrape/scrape.go: append; tsdb/head_append.go: getOrCreate).
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

type asked struct {
	Form string `json:"form"`
	Text string `json:"text"`
}

type sample struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Bits   string            `json:"bits"`
}

type answer struct {
	Samples []sample `json:"samples"`
	Error   string   `json:"error,omitempty"`
}

func one(set labels.Labels, value float64) (sample, error) {
	if !set.IsValid(model.UTF8Validation) || set.Get(model.MetricNameLabel) == "" {
		return sample{}, fmt.Errorf("names that are none: %s", set)
	}
	if label, twice := set.HasDuplicateLabelNames(); twice {
		return sample{}, fmt.Errorf("the label %s twice", label)
	}
	read := sample{
		Name:   set.Get(model.MetricNameLabel),
		Labels: map[string]string{},
		Bits:   fmt.Sprintf("%016x", math.Float64bits(value)),
	}
	set.Range(func(label labels.Label) {
		if label.Name != model.MetricNameLabel && label.Value != "" {
			read.Labels[label.Name] = label.Value
		}
	})
	if math.IsNaN(value) {
		read.Bits = "NaN"
	}
	return read, nil
}

func read(text asked) ([]sample, error) {
	parser, err := textparse.New([]byte(text.Text), text.Form, nil, textparse.ParserOptions{})
	if err != nil {
		return nil, err
	}
	all := []sample{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var set labels.Labels
		parser.Labels(&set)
		_, _, value := parser.Series()
		sample, err := one(set, value)
		if err != nil {
			return nil, err
		}
		all = append(all, sample)
	}
}

func run() error {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	written := json.NewEncoder(out)
	for {
		var text asked
		if err := in.Decode(&text); errors.Is(err, io.EOF) {
			return out.Flush()
		} else if err != nil {
			return err
		}
		samples, err := read(text)
		told := answer{Samples: samples}
		if err != nil {
			told.Error = err.Error()
		}
		if err := written.Encode(told); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
