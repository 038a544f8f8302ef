#!/usr/bin/env bash
# Bills Alice $10 for December, with curl. All servers share a folder. Before a server charges, it
# claims the invoice there: of several mkdir at the same time, one succeeds. So nobody pays twice.
# But nobody takes over the claim of a server that has died.
set -euo pipefail

claim=$TRIAL_DIR/alice-2026-12
if ! mkdir "$claim" 2>/dev/null; then
    echo 'Someone else has claimed the invoice. Skipping.'
    exit
fi
status=$(curl -s -o "$claim/reply" -w '%{http_code}' "$STRIPE_API_BASE/v1/payment_intents" \
    -u "$STRIPE_SECRET_KEY:" -d amount=1000 -d currency=usd -d payment_method="$PAYMENT_METHOD" \
    -d confirm=true -d off_session=true -d 'metadata[invoice]=alice/2026-12') || status=unknown
case $status in
200) echo 'Charged Alice.' ;;
402) # A decline is certain: no money was taken. The next server may try.
    rm -r "$claim"
    echo 'The card was declined.' ;;
*) # Anything else is unknown, and not a failure: it may have been charged.
    echo "Stripe answered $status. The claim stays." >&2
    exit 1 ;;
esac
