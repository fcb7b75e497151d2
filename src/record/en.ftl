record-behind-witnesses = Custodians have cosigned more of the record, or another, than the platform holds: nothing is accepted any more.
    .hint = Lodge bids with a custodian's agent (sealbid bid lodge) and tell the operator: the record goes on with a succession only.
record-waiting-for-witnesses = The platform has just started and waits until enough custodians confirm its record; nothing is accepted yet.
    .hint = Try again in a moment; if it stays, tell the operator. A custodian's agent accepts bids meanwhile (sealbid bid lodge).
record-contradicted = The platform's database contradicts the record that it published: nothing is accepted any more.
    .hint = Lodge bids with a custodian's agent (sealbid bid lodge) and tell the operator.
