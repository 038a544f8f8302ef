#!/usr/bin/env bash
# Bills a customer with curl: charge.sh URL.
set -euo pipefail
url=$1

stripe() { # METHOD PATH [CURL'S FLAGS]
    curl -s -X "$1" "$url/v1/$2" -u sk_test_curl: "${@:3}"
}
id() { sed -n 's/^  "id": "\(.*\)",$/\1/p'; }
want() { # TEXT: in what is read
    local got
    got=$(cat)
    [[ $got == *"$1"* ]] || { echo "want $1, got $got"; exit 1; }
}

# Create, then confirm; the same call under the same key is a replay.
alice=$(stripe POST customers -d name=Alice | id)
card=$(stripe POST payment_methods/pm_card_visa/attach -d customer="$alice" | id)
intent=$(stripe POST payment_intents -d amount=1000 -d currency=usd -d customer="$alice" \
    -d payment_method="$card" | id)
confirm() { stripe POST "payment_intents/$intent/confirm" "$@"; }
confirm -d off_session=true -H 'Idempotency-Key: alice/2027-01' | want '"status": "succeeded"'
confirm -d off_session=true -H 'Idempotency-Key: alice/2027-01' -i | want 'Idempotent-Replayed: true'
confirm -d off_session=false -H 'Idempotency-Key: alice/2027-01' | want '"idempotency_error"'
confirm -d off_session=true | want '"payment_intent_unexpected_state"'

# A card that declines, and a refund.
broke=$(stripe POST payment_methods/pm_card_chargeCustomerFail/attach -d customer="$alice" | id)
stripe POST payment_intents -d amount=500 -d currency=usd -d customer="$alice" \
    -d payment_method="$broke" -d confirm=true -d off_session=true -i | want 'HTTP/1.1 402'
stripe POST refunds -d payment_intent="$intent" -d amount=400 | want '"status": "succeeded"'
stripe POST refunds -d payment_intent="$intent" | want '"amount": 600'
stripe POST refunds -d payment_intent="$intent" | want '"charge_already_refunded"'

# Lists.
stripe GET 'payment_intents?limit=1' | want '"has_more": true'
stripe GET payment_intents -G -d customer="$alice" -d limit=2 | want '"has_more": false'
stripe GET refunds -G -d payment_intent="$intent" | want '"amount": 400'
