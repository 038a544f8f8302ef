package stripesim

func (o *endpoint) json(w *writer, _ expansion) {
	w.id("id", kindEndpoint, o.ref)
	w.text("object", "webhook_endpoint")
	w.null("api_version", "application")
	w.number("created", o.created)
	w.textOrNull("description", o.description)
	w.texts("enabled_events", o.events...)
	w.flag("livemode", false)
	w.metadata(o.metadata)
	w.text("status", "enabled")
	w.text("url", o.url)
}

// newEndpoint is shown once, with the secret.
type newEndpoint struct{ *endpoint }

func (o newEndpoint) json(w *writer, e expansion) {
	o.endpoint.json(w, e)
	w.text("secret", o.secret)
}
