package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"example.com/triplecharge/billing"
	"example.com/triplecharge/internal/cli"
	"example.com/triplecharge/internal/stripesim"
)

// builtIn returns the subscriptions that are billed if no file is given.
func builtIn() []billing.Subscription {
	return []billing.Subscription{
		{ID: "alice", Customer: "Alice", AmountMinor: 1000, Currency: "usd",
			PaymentMethod: "pm_card_visa"},
		{ID: "bob", Customer: "Bob", AmountMinor: 2500, Currency: "usd",
			PaymentMethod: "pm_card_mastercard"},
		{ID: "carol", Customer: "Carol", AmountMinor: 750, Currency: "usd",
			PaymentMethod: "pm_card_amex"},
	}
}

// readSubscriptions reads a CSV file; "" stands for the built-in list.
func readSubscriptions(path string) ([]billing.Subscription, error) {
	if path == "" {
		return builtIn(), nil
	}
	file, err := cli.OpenInput(path)
	if err != nil {
		return nil, fmt.Errorf("--subscriptions: %w", err)
	}
	defer func() { _ = file.Close() }()
	list, err := parseSubscriptions(io.LimitReader(file, maxList+1))
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("--subscriptions %s: %w", path, err))
	}
	return list, nil
}

// maxList is the largest file of subscriptions in bytes, for a million.
const maxList = 100 << 20

// parseSubscriptions reads lines of id, customer, amount in the smallest unit, currency and payment
// method. The first line may name the columns. An error names the line.
func parseSubscriptions(file io.Reader) ([]billing.Subscription, error) {
	r := cli.Sheet(file)
	r.TrimLeadingSpace = true
	r.Comment = '#'
	var list []billing.Subscription
	seen := map[string]int{}
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // a csv.ParseError names its line
		}
		line, _ := r.FieldPos(0)
		if first && strings.EqualFold(strings.TrimSpace(row[0]), "id") {
			continue
		}
		s, err := parseRow(row)
		if err == nil && seen[s.ID] != 0 {
			err = fmt.Errorf("id %q is on line %d already", s.ID, seen[s.ID])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		seen[s.ID] = line
		list = append(list, s)
	}
	if r.InputOffset() > maxList {
		return nil, fmt.Errorf("more than %d MiB: bill fewer at once", maxList>>20)
	}
	if len(list) == 0 {
		return nil, errors.New("no subscription in it: " +
			"want lines such as alice,Alice,1000,usd,pm_card_visa")
	}
	return list, nil
}

func parseRow(row []string) (billing.Subscription, error) {
	if len(row) != 5 {
		return billing.Subscription{}, fmt.Errorf("%d fields: want 5: "+
			"id, customer, amount, currency, payment method", len(row))
	}
	for i := range row {
		row[i] = strings.TrimSpace(row[i])
		if err := cli.CheckText(row[i]); err != nil {
			return billing.Subscription{}, fmt.Errorf("field %d: %w", i+1, err)
		}
	}
	amount, err := strconv.ParseInt(row[2], 10, 64)
	if err != nil {
		return billing.Subscription{}, fmt.Errorf("amount %q: "+
			"want a whole number in the currency's smallest unit, such as 1000 for $10.00", row[2])
	}
	s := billing.Subscription{
		ID: row[0], Customer: row[1], AmountMinor: amount, Currency: strings.ToLower(row[3]),
		PaymentMethod: row[4],
	}
	return s, cmp.Or(s.Validate(), stripesim.CheckAmount(s.AmountMinor, s.Currency))
}
