module example.org/acme/billing

go 1.26.0

require (
	example.com/triplecharge v0.0.0
	github.com/stripe/stripe-go/v76 v76.25.0
)

require golang.org/x/time v0.16.0 // indirect

replace example.com/triplecharge => ../../..
