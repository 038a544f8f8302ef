package explore

func mutants() []mutant {
	return append(append(lockMutants(), keyMutants()...), claimMutants()...)
}

// lockMutants are of the modes that have a lock, or ask the ledger.
func lockMutants() []mutant {
	const recheck, without = "	if charged {\n", "	if charged && false {\n"
	const locked, fenced = "billing/locked.go", "billing/fenced.go"
	const world = "internal/explore/execute.go"
	return []mutant{
		{"the ledger's answer is ignored", "billing/checkfirst.go", recheck, without},
		{"the re-check is left out", locked, recheck, without},
		{"the re-check is left out", fenced, recheck, without},
		{"an attempt starts though the lease is lost", locked, ", Trusted: lease.Trusted}", "}"},
		{"an attempt starts though the lease is lost", fenced, ", Trusted: lease.Trusted}", "}"},
		{"the lease is released before the charge", locked,
			"	charge, err := m.charger.Charge(",
			"	_ = lease.Release(ctx)\n	charge, err := m.charger.Charge("},
		{"the lease is released before the record", locked,
			"	// Record the charge, whatever", "	_ = lease.Release(ctx)\n	// Record the charge, whatever"},
		{"the fencing token is issued before the lease is held", fenced,
			"	lease, err := m.locker.Obtain(",
			"	_, _ = m.fence.Issue(ctx, inv)\n	lease, err := m.locker.Obtain("},
		{"the charge is not recorded", locked,
			"m.ledger.Record(context.WithoutCancel(ctx), charge)",
			"func(Charge) error { return nil }(charge)"},
		{"a charge under a lease that was lost since is not recorded", locked,
			"	// Record the charge, whatever",
			"	if err := lease.Trusted(); err != nil {\n		return \"\", err\n	}\n" +
				"	// Record the charge, whatever"},
		{"trust is asked for once, and believed in from there on", locked,
			"Trusted: lease.Trusted}", "Trusted: func() error { return err }}"},
		{"no answer from the ledger is taken for: not charged", locked,
			"	charged, err := m.ledger.Charged(ctx, inv)\n	if err != nil {\n		return \"\", err\n	}\n",
			"	charged, _ := m.ledger.Charged(ctx, inv)\n"},
		{"no answer from Redis is taken for a lease", locked,
			"	} else if err != nil {\n		return \"\", err\n	}\n\n	// Release",
			"	} else if err != nil {\n		charge, err := m.charger.Charge(ctx, Request{Invoice: inv})\n" +
				"		if err != nil {\n			return \"\", err\n		}\n" +
				"		return Billed, m.ledger.Record(ctx, charge)\n	}\n\n	// Release"},
		{"the fencing token is issued after the re-check", fenced,
			"	charge, err := m.charger.Charge(ctx",
			"	token, _ = m.fence.Issue(ctx, inv)\n	charge, err := m.charger.Charge(ctx"},
		{"the charge is recorded without the fencing token", fenced,
			"	if err := m.fence.Record(context.WithoutCancel(ctx), charge, token); err",
			"	_ = token\n	if err := m.ledger.Record(ctx, charge); err"},
		{"a release removes whosever lease it is", world,
			"if slot == otherSlot && w.down", "if w.down"},
		{"five nodes become one", "billing/modes.go",
			"QuorumLock, asks, func", "SafeLock, asks, func"},
		{"two of five nodes are a majority", world,
			"majority  = 3", "majority  = 2"},
	}
}

// keyMutants are of the modes that rely on what Stripe remembers.
func keyMutants() []mutant {
	const idempotent, once = "billing/idempotent.go", "billing/exactlyonce.go"
	return []mutant{
		{"the key is one that no other server makes", idempotent, "Key: inv.String()", "Key: \"\""},
		{"the prepared PaymentIntent is confirmed, registered or not", once,
			"		if intent, err = m.claims.Register(ctx, claim, prepared); err != nil {",
			"		intent = prepared\n		if _, err = m.claims.Register(ctx, claim, prepared); err != nil {"},
		{"no PaymentIntent is registered", once,
			"		if intent, err = m.claims.Register(ctx, claim, prepared); err != nil {",
			"		if intent = prepared; err != nil {"},
		{"the key of the creation has no generation", once,
			"Request{Invoice: inv, Key: claim.Key()}", "Request{Invoice: inv, Key: inv.String()}"},
		{"the key of the confirmation has no generation", once,
			"Key: claim.Key() + \"/confirm\"", "Key: inv.String() + \"/confirm\""},
		{"the charge is not recorded", once,
			"m.ledger.Record(context.WithoutCancel(ctx), charge)",
			"func(Charge) error { return nil }(charge)"},
		{"both requests have the same key", once, "claim.Key() + \"/confirm\"", "claim.Key()"},
		{"whoever can't register its PaymentIntent confirms it all the same", once,
			"prepared); err != nil {\n			return \"\", err", "prepared); err != nil {\n			intent = prepared"},
		{"the charge is recorded before it is made", once,
			"	charge, err := m.intents.Confirm(",
			"	_ = m.ledger.Record(ctx, Charge{Invoice: inv, PaymentIntent: intent})\n" +
				"	charge, err := m.intents.Confirm("},
		{"an unknown outcome counts as charged", once,
			"	case err != nil:\n		// Unknown is not failed.",
			"	case errors.Is(err, ErrUnknown):\n		return Billed, m.ledger.Record(ctx, Charge{\n" +
				"			Invoice: inv, PaymentIntent: intent})\n" +
				"	case err != nil:\n		// Unknown is not failed."},
	}
}

// claimMutants are of the claim protocol: in a mode, in memory, and in SQL.
func claimMutants() []mutant {
	const claimed, world, sql = "billing/claimed.go", "internal/explore/execute.go", "ledger/claims.go"
	return []mutant{
		{"the claim is given back though the outcome is unknown", claimed,
			"errors.Is(err, ErrNotSent):", "errors.Is(err, ErrNotSent), errors.Is(err, ErrUnknown):"},
		{"the claim is kept after a decline", claimed, "errors.Is(err, ErrDeclined), ", ""},
		{"the claim is kept though nothing was sent", claimed, ", errors.Is(err, ErrNotSent)", ""},
		{"the claim is given back since the charge can't be recorded", claimed,
			"charge); err != nil {\n		return \"\", err",
			"charge); err != nil {\n		return \"\", errors.Join(err, m.claims.Postpone(ctx, claim))"},
		{"the claim expires", "billing/modes.go", "claimed{p.Final,", "claimed{p.Claims,"},

		{"the last writer wins", world, "if w.registered == 0 {", "if true {"},
		{"each is told its own PaymentIntent", world,
			"answer{intent: w.registered}", "answer{intent: c.intent}"},
		{"whoever takes the claim over gets no PaymentIntent", world,
			"	w.generation++\n	s.claim", "	w.generation++\n	w.registered = 0\n	s.claim"},
		{"a decline ends the PaymentIntent, too", world,
			"w.claimed, w.paused, w.postponed = false, true, c.card",
			"w.claimed, w.paused, w.postponed, w.registered = false, true, c.card, 0"},
		{"a claim that is held is given", world,
			"case w.claimed, w.paused &&", "case w.paused &&"},
		{"a claim is given though the invoice is charged", world,
			"	case w.entries != 0:\n		return answer{outcome: paid}\n", ""},
		{"whoever was overtaken gives the claim back", world,
			"if w.generation == c.n {", "if w.generation >= c.n {"},
		{"a taking doesn't raise the generation", world,
			"	w.generation++\n	s.claim", "	w.generation = max(w.generation, 1)\n	s.claim"},

		{"the last writer wins", sql, "coalesce(claims.payment_intent, given.payment_intent)",
			"coalesce(given.payment_intent, claims.payment_intent)"},
		{"whoever was overtaken gives the claim back", sql,
			"\n			AND claims.generation = given.generation`", "`"},
		{"a claim is given though the invoice is charged", sql,
			"FROM given WHERE NOT charged", "FROM given WHERE true"},
		{"a taking doesn't raise the generation", sql,
			"+ (claims.owner <> excluded.owner)::int", "+ 0"},
		{"a claim that is held is given", sql,
			"OR claims.lease_until <= now() AND (", "OR true AND ("},
		{"claims that never expire do", sql,
			"coalesce(now() + $5::interval, 'infinity')", "coalesce(now() + $5::interval, now())"},
		{"the next attempt doesn't wait", sql,
			"claims.next_attempt <= now() AND", "true AND"},
		{"another card waits, too", sql, "IS DISTINCT FROM", "IS NOT DISTINCT FROM"},
		{"declines have no limit", sql,
			"$6::int = 0 OR claims.declines < $6::int", "$6::int >= 0 OR claims.declines < $6::int"},
		{"all holders have the same fencing token", "ledger/fence.go",
			"fences.token + 1", "fences.token + 0"},
	}
}
