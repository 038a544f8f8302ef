package stripesim

import (
	"net/http"
	"strings"
)

// authenticate accepts any secret test key. A live key was meant for Stripe, and is refused. No key
// is ever logged or repeated.
func (c *call) authenticate() *apiError {
	key := apiKey(c.http)
	switch {
	case key == "":
		return errUnauthorized("You did not provide an API key. You need to provide your API key " +
			"in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer " +
			"YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or " +
			"we can help at https://support.stripe.com/.")
	case strings.HasPrefix(key, "sk_live_"), strings.HasPrefix(key, "rk_live_"):
		return errUnauthorized("Invalid API Key provided: it is a live key, and this is a " +
			"simulator of test mode. Use a key that begins with sk_test_.")
	case !strings.HasPrefix(key, "sk_test_") && !strings.HasPrefix(key, "rk_test_"):
		return errUnauthorized("Invalid API Key provided. This simulator accepts any key that " +
			"begins with sk_test_.")
	}
	return nil
}

// apiKey returns the bearer token, or the user of basic authentication, as curl -u sends it.
func apiKey(r *http.Request) string {
	if user, _, ok := r.BasicAuth(); ok {
		return user
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func errUnauthorized(message string) *apiError {
	return &apiError{status: http.StatusUnauthorized, typ: typeInvalid, message: message}
}
