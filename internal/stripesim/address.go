package stripesim

type address struct {
	city, country, line1, line2, postalCode, state string
}

// shipping is the address that goods would be sent to.
type shipping struct {
	address        address
	name, phone    string
	carrier, track string
}

func readAddress(p *params, old *address) *address {
	if len(p.field.children) == 0 {
		return nil
	}
	var a address
	if old != nil {
		a = *old
	}
	p.update("city", &a.city)
	p.update("country", &a.country)
	p.update("line1", &a.line1)
	p.update("line2", &a.line2)
	p.update("postal_code", &a.postalCode)
	p.update("state", &a.state)
	return &a
}

func readShipping(p *params) *shipping {
	if len(p.field.children) == 0 {
		return nil
	}
	var s shipping
	if q := p.object("address"); q == nil {
		p.missing("address")
	} else if a := readAddress(q, nil); a != nil {
		s.address = *a
	}
	s.name = p.required("name")
	p.update("phone", &s.phone)
	p.update("carrier", &s.carrier)
	p.update("tracking_number", &s.track)
	return &s
}
