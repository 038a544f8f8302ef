package faults

// answerFaults are about Stripe's answers.
func answerFaults() []Row {
	return []Row{
		{
			Fault: LostReply, Lease: ShortLease, Servers: 3,
			Told: heard("3/3", "4/4"),
			Text: "Stripe charges, but every reply to server-a is lost; the others run later.",
			Cells: map[string]Cell{
				"uncoordinated":         {After: "3/2", Recovered: "4/3", Why: eachCharges},
				"check-first":           {After: "2/1", Why: unknown},
				"naive-lock":            {After: "3/2", Recovered: "4/3", Why: freeAgain},
				"locked redlock fenced": {After: "2/1", Why: notLocked},
				"idempotent": {After: "1/1",
					Why: "server-b's request gets the answer that server-a never got, and " +
						"server-b records it"},
				"claimed":      {After: "1/0", Why: abandoned},
				"exactly-once": {After: "1/1", Why: recorded},
			},
		},
		{
			Fault: Stripe500Before, Lease: ShortLease, Servers: 3,
			Text: "Stripe saves a 500 under server-a's key and charges nothing; the others run " +
				"later.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "2/2", Recovered: "3/3", Why: eachCharges},
				"check-first": {After: "1/1",
					Why: "nothing was charged, so server-b charges; server-c finds that in the " +
						"ledger"},
				"naive-lock": {After: "2/2", Recovered: "3/3", Why: freeAgain},
				"locked redlock fenced": {After: "1/1",
					Why: "nothing was charged, so server-b charges, under its own key"},
				"idempotent": {After: "0/0",
					Why: "Stripe repeats the saved 500 to every server for a day"},
				"claimed": {After: "0/0", Why: "unknown is not failed, so server-a's " +
					"claim stays"},
				"exactly-once": {After: "1/1", Why: "server-b confirms under its own key"},
			},
		},
		{
			Fault: Stripe500After, Lease: ShortLease, Servers: 3,
			Told: heard("3/3", "4/4", Cell{After: "1/1",
				Why: "Stripe repeats the 500, but its event records the charge"}),
			Text: "Stripe charges and saves a 500 under server-a's key; the others run later.",
			Cells: map[string]Cell{
				"uncoordinated":         {After: "3/2", Recovered: "4/3", Why: eachCharges},
				"check-first":           {After: "2/1", Why: unknown},
				"naive-lock":            {After: "3/2", Recovered: "4/3", Why: freeAgain},
				"locked redlock fenced": {After: "2/1", Why: notLocked},
				"idempotent": {After: "1/0",
					Why: "Stripe repeats the 500, so nobody learns of the charge"},
				"claimed": {After: "1/0",
					Why: "unknown is not failed, so server-a's claim stays, and its " +
						"charge unrecorded"},
				"exactly-once": {After: "1/1", Why: recorded},
			},
		},
	}
}

// laterFaults are about what comes hours later.
func laterFaults() []Row {
	return []Row{
		{
			Fault: KeyExpired, Lease: ShortLease, Servers: 3,
			Told: heard("4/4", "5/5", Cell{After: "2/2",
				Why: "server-b asks no ledger, and Stripe has forgotten the key"}),
			Text: "Like crash-after-charge, but server-b runs after Stripe has forgotten the key.",
			Cells: map[string]Cell{
				"uncoordinated":         {After: "4/3", Recovered: "5/4", Why: eachCharges},
				"check-first":           {After: "2/1", Why: unknown},
				"naive-lock":            {After: "4/3", Recovered: "5/4", Why: freeAgain},
				"locked redlock fenced": {After: "2/1", Why: notLocked},
				"idempotent": {After: "2/1",
					Why: "Stripe has forgotten the key, so server-b's request is new to it"},
				"claimed": {After: "1/0", Why: abandoned},
				"exactly-once": {After: "1/1",
					Why: "Stripe forgets keys, but the PaymentIntent stays succeeded"},
			},
		},
		{
			Fault: DelayedADay, Lease: ShortLease, Servers: 3,
			Told: notFenced(),
			Text: "Like pause, but server-a's request arrives after Stripe has forgotten the key.",
			Cells: map[string]Cell{
				"uncoordinated":  {After: "3/3", Recovered: "4/4", Why: eachCharges},
				"check-first":    {After: "2/2", Why: inFlight},
				"naive-lock":     {After: "3/3", Recovered: "4/4", Why: freeAgain},
				"locked redlock": {After: "2/2", Why: sentUnder + ", however late it arrives"},
				"fenced":         {After: "2/1", Why: refused},
				"idempotent": {After: "2/2",
					Why: "Stripe has forgotten the key, so server-a's old request is new to it"},
				"claimed": {After: "1/1", Why: isClaimed},
				"exactly-once": {After: "1/1",
					Why: "server-b has confirmed the PaymentIntent, and it stays succeeded"},
			},
		},
		{
			Fault: DeclinedThenFixed, Lease: LongLease, Servers: 3, Declines: true,
			Text: "The card is declined; the customer adds another; server-a runs within the day.",
			Cells: map[string]Cell{
				"uncoordinated": {After: "1/1", Recovered: "2/2",
					Why: "server-a charges the new card, and whoever comes later charges it again"},
				"check-first locked redlock fenced": {After: "1/1",
					Why: "the others find the lease held, or the invoice charged"},
				"naive-lock": {After: "1/1", Recovered: "2/2",
					Why: "server-a charges the new card, and whoever comes later finds " +
						"the lock free"},
				"idempotent": {After: "0/0", Why: "the key is bound to the card that was declined"},
				"claimed": {After: "1/1",
					Why: "a decline is definite, so the claim was given back"},
				"exactly-once": {After: "1/1",
					Why: "the same PaymentIntent is confirmed with the new card"},
			},
		},
	}
}
