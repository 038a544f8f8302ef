package stripesim

import (
	"fmt"
	"net/http"
	"strings"
)

// The types of error that Stripe distinguishes.
const (
	typeInvalid     = "invalid_request_error"
	typeCard        = "card_error"
	typeIdempotency = "idempotency_error"
	typeAPI         = "api_error"
)

// apiError is an error as Stripe answers it. The objects it carries are snapshots, so that it can
// be written again for a replay.
type apiError struct {
	status  int
	typ     string
	code    string
	decline string
	message string
	param   string
	charge  ref
	intent  *intent
	method  *paymentMethod
	// executed says that the request got past validation, so that its result is saved under the
	// idempotency key.
	executed bool
}

func (e *apiError) Error() string {
	return fmt.Sprintf("%d %s %s: %s", e.status, e.typ, e.code, e.message)
}

func errInvalid(code, param, message string) *apiError {
	return &apiError{status: http.StatusBadRequest, typ: typeInvalid,
		code: code, param: param, message: message}
}

func errUnknownParameters(names []string) *apiError {
	s := ""
	if len(names) > 1 {
		s = "s"
	}
	return errInvalid("parameter_unknown", names[0],
		"Received unknown parameter"+s+": "+strings.Join(names, ", "))
}

func errMissingParameter(name string) *apiError {
	return errInvalid("parameter_missing", name, "Missing required param: "+name+".")
}

func errEmptyParameter(name string) *apiError {
	return errInvalid("parameter_invalid_empty", name, fmt.Sprintf(
		"You passed an empty string for '%[1]s'. We assume empty values are an attempt to unset "+
			"a field; however '%[1]s' cannot be unset. You should remove '%[1]s' from your "+
			"request or supply a non-empty value.", name))
}

func errInvalidInteger(name, message string) *apiError {
	return errInvalid("parameter_invalid_integer", name, message)
}

// errNotSimulated is a parameter that Stripe has and this simulator has not.
func errNotSimulated(name string) *apiError {
	return errInvalid("", name, "stripesim does not simulate the parameter "+name+".")
}

// errInvalidParameter is for the many values that Stripe refuses without a code of their own.
func errInvalidParameter(name, message string) *apiError {
	return errInvalid("", name, message)
}

// errNoSuch is an id that nothing answers to; 404 in a path, 400 in a parameter.
func errNoSuch(k kind, id, param string, status int) *apiError {
	return &apiError{status: status, typ: typeInvalid, code: "resource_missing", param: param,
		message: fmt.Sprintf("No such %s: '%s'", nouns[k], id)}
}

func errLockTimeout() *apiError {
	return &apiError{status: http.StatusTooManyRequests, typ: typeInvalid, code: "lock_timeout",
		message: "This object cannot be accessed right now because another API request or " +
			"Stripe process is currently accessing it. If you see this error intermittently, " +
			"retry the request. If you see this error frequently and are making multiple " +
			"concurrent requests to a single object, make your requests serially or at a " +
			"lower rate."}
}

func errRateLimit() *apiError {
	return &apiError{status: http.StatusTooManyRequests, typ: typeInvalid, code: "rate_limit",
		message: "Request rate limit exceeded. Learn more about rate limits here " +
			"https://stripe.com/docs/rate-limits."}
}

func errKeyInUse(key string) *apiError {
	return &apiError{status: http.StatusConflict, typ: typeInvalid, code: "idempotency_key_in_use",
		message: "There is currently another in-progress request using this Idempotency-Key (" +
			"that probably means you submitted twice, and the other request is still going " +
			"through): " + key + ". Please wait for the other request to finish."}
}

// errKeyReused is a key that came with other parameters, or to another endpoint.
func errKeyReused(key string, sameEndpoint bool) *apiError {
	message := "Keys for idempotent requests can only be used with the same parameters they were " +
		"first used with. Try using a key other than '" + key + "' if you meant to execute a " +
		"different request."
	if !sameEndpoint {
		message = "Keys for idempotent requests can only be used for the same endpoint they were " +
			"first used for. Try using a key other than '" + key + "' if you meant to execute " +
			"a different request."
	}
	return &apiError{status: http.StatusBadRequest, typ: typeIdempotency, message: message}
}

// errForced is what an admin's rule asked for.
func errForced(status int) *apiError {
	e := &apiError{status: status, typ: typeAPI, executed: true,
		message: "An unknown error occurred (forced by a rule of the simulator)."}
	if status < http.StatusInternalServerError {
		e.typ = typeInvalid
	}
	return e
}

func errUnrecognized(method, path string) *apiError {
	if strings.HasSuffix(path, "/") {
		return &apiError{status: http.StatusNotFound, typ: typeInvalid, message: fmt.Sprintf(
			"Unrecognized request URL (%s: %s). If you are trying to list objects, remove the "+
				"trailing slash. If you are trying to retrieve an object, make sure you passed a "+
				"valid (non-empty) identifier in your code.", method, path)}
	}
	return &apiError{status: http.StatusNotFound, typ: typeInvalid, message: fmt.Sprintf(
		"Unrecognized request URL (%s: %s). Please see https://stripe.com/docs or we can help at "+
			"https://support.stripe.com/. If Stripe has this endpoint, it is one that stripesim "+
			"does not simulate: it serves customers, payment_methods, payment_intents, charges, "+
			"refunds, balance, balance_transactions and events.", method, path)}
}

// errUnexpectedState is a request that a PaymentIntent's status does not allow.
func errUnexpectedState(i *intent, message string) *apiError {
	e := errInvalid("payment_intent_unexpected_state", "", message)
	e.intent, e.executed = i, true
	return e
}
