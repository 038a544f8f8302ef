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

// apiError is an error as Stripe answers it. It carries snapshots of objects, so it can be written
// again for a replay.
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
	// executed: the request passed validation, so its result is saved under the idempotency key.
	executed bool
}

// refuse ends the request with an error, unless it is nil. Like net/http's ErrAbortHandler it is a
// panic, which goes no further than handle: an endpoint has a dozen places to end at, and nothing
// to undo at any of them but its locks.
func refuse(err *apiError) {
	if err != nil {
		panic(err)
	}
}

// reply is the answer to a request that ended with the error.
func (e *apiError) reply(request ref) reply {
	return reply{status: e.status, body: e, request: request}
}

// errInvalid is for an invalid request. Stripe refuses many values without an error code: "".
func errInvalid(code, param, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, typ: typeInvalid,
		code: code, param: param, message: fmt.Sprintf(format, args...)}
}

func errCard(code, param, message string) *apiError {
	return &apiError{status: http.StatusPaymentRequired, typ: typeCard,
		code: code, param: param, message: message}
}

func errNoToken(token, param string) *apiError {
	return errInvalid("resource_missing", param, "No such token: '%s'", token)
}

func errUnknownParameters(names []string) *apiError {
	s := ""
	if len(names) > 1 {
		s = "s"
	}
	return errInvalid("parameter_unknown", names[0],
		"Received unknown parameter%s: %s", s, strings.Join(names, ", "))
}

func errEmptyParameter(name string) *apiError {
	return errInvalid("parameter_invalid_empty", name, "You passed an empty string for '%[1]s'. "+
		"We assume empty values are an attempt to unset a field; however '%[1]s' cannot be "+
		"unset. You should remove '%[1]s' from your request or supply a non-empty value.", name)
}

// errNoSuch is for an unknown id: 404 in a path, 400 in a parameter.
func errNoSuch(k kind, id, param string, status int) *apiError {
	return &apiError{status: status, typ: typeInvalid, code: "resource_missing", param: param,
		message: fmt.Sprintf("No such %s: '%s'", names[k].noun, id)}
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

// errKeyReused is for a key that comes with other parameters, or to another endpoint.
func errKeyReused(key, first, now string) *apiError {
	only := "with the same parameters they were first used with"
	if first != now {
		only = "for the same endpoint they were first used for ('" + now + "' vs '" + first + "')"
	}
	e := errInvalid("", "", "Keys for idempotent requests can only be used %s. Try using a key "+
		"other than '%s' if you meant to execute a different request.", only, key)
	e.typ = typeIdempotency
	return e
}

// errForced is the status that a rule of the control API asks for.
func errForced(status int) *apiError {
	e := &apiError{status: status, typ: typeAPI, executed: true,
		message: "An unknown error occurred (forced by a rule of the simulator)."}
	if status < http.StatusInternalServerError {
		e.typ = typeInvalid
	}
	return e
}

func errUnrecognized(method, path string) *apiError {
	advice := "Please see https://stripe.com/docs or we can help at https://support.stripe.com/. " +
		"If Stripe has this endpoint, it is one that stripesim does not simulate: `stripesim " +
		"--endpoints` lists those that it does."
	if strings.HasSuffix(path, "/") {
		advice = "If you are trying to list objects, remove the trailing slash. If you are " +
			"trying to retrieve an object, make sure you passed a valid (non-empty) identifier " +
			"in your code."
	}
	return &apiError{status: http.StatusNotFound, typ: typeInvalid, message: fmt.Sprintf(
		"Unrecognized request URL (%s: %s). %s", method, path, advice)}
}

var errorBody = newBody("error", functions[apiError]{
	"docURL": func(w *writer, e *apiError) {
		if e.code != "" {
			w.quote("https://stripe.com/docs/error-codes/" + strings.ReplaceAll(e.code, "_", "-"))
		}
	},
	"intent": func(w *writer, e *apiError) {
		if e.intent != nil {
			w.value(e.intent, nil)
		}
	},
	"method": func(w *writer, e *apiError) {
		if e.method != nil {
			w.value(e.method, nil)
		}
	},
	"log": func(w *writer, _ *apiError) {
		if w.request != 0 {
			w.id(`"https://dashboard.stripe.com/test/logs/`, kindRequest, w.request, `"`)
		}
	},
})

func (e *apiError) json(w *writer) {
	w.text("{\n  \"error\": ")
	w.depth++
	w.fill(errorBody, e)
	w.depth--
	w.text("\n}")
}
