package stripesim

// address is a postal address: the values of addressFields.
type address [6]string

var addressFields = address{"city", "country", "line1", "line2", "postal_code", "state"}

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
	for i, name := range addressFields {
		p.update(name, &a[i])
	}
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

func (w *writer) address(name string, a *address) {
	if a == nil {
		w.null(name)
		return
	}
	w.object(name, func() {
		for i, name := range addressFields {
			w.textOrNull(name, a[i])
		}
	})
}

func (w *writer) shipping(s *shipping) {
	if s == nil {
		w.null("shipping")
		return
	}
	w.object("shipping", func() {
		w.address("address", &s.address)
		w.textOrNull("carrier", s.carrier)
		w.text("name", s.name)
		w.textOrNull("phone", s.phone)
		w.textOrNull("tracking_number", s.track)
	})
}
