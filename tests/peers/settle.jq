# settle.jq: who owes whom what by a log, written from mai-ledger(1) alone; reads what mai-ledger export prints:
#
#	mai-ledger export LOG | jq -rsf settle.jq
#
# Prints a line for each payment: payer, payee, unit, amount, terms, share. Products must stay below 2^53.

. as $log
| (map({ key: .id, value: . }) | from_entries) as $by_id

# ---- what the log says ----

| def terms($id): $by_id[$id].record;

# Who owns an asset at a place of the log: the first who has registered it, or to whom owners have passed it on.
def owner($asset; $index):
	reduce ($log[] | select(.index < $index) | .record | select(.asset == $asset)) as $r (null;
		if $r.type == "registration" and . == null then $r.owner elif $r.type == "transfer" and . == $r.from then $r.to else . end);

# For each share a party, or null.
def payees($id; $node; $time; $index):
	[terms($id).shares[] | if $time < (.from // 0) or (.until != null and $time >= .until) then null
		elif .to == "node" then $node elif .to | type == "string" then .to else owner(.to.owner; $index) end];

def holds($id; $time): terms($id) | $time >= (.from // 0) and (.until == null or $time < .until);

def is_subscribed($r; $index):
	terms($r.terms).period as $period | any($log[] | select(.index < $index) | .record;
		.type == "subscription" and .terms == $r.terms and .client == $r.client and holds(.terms; .from)
		and $period != null and $r.time >= .from and $r.time < .from + .periods * $period.seconds);

# ---- receipts that vouchers cover ----

def connection: [.client, .node, .nonce];

# All receipts of a connection up to this one; null where they are not all there, or don't go together.
def chain($id):
	$by_id[$id] as $e | if $e.record.type != "receipt" then null
	elif $e.record.previous == null then [$e]
	else (chain($e.record.previous) as $before | $before[-1].record as $last
		| if $before != null and ($last | connection) == ($e.record | connection) and $last.terms == $e.record.terms and $last.rows <= $e.record.rows
		then $before + [$e] else null end)
	end;

def is_behind_terms: .index as $index | .record.terms as $id | terms($id).type == "terms" and $by_id[$id].index < $index;

# With the rows that each adds.
def covered:
	[$log[] | select(.record.type == "voucher" and is_behind_terms) | .record as $v | chain($v.receipt) as $chain
		| select($chain != null and all($chain[]; is_behind_terms)) | $chain[-1].record as $r
		| select(($r | connection) == ($v | connection) and $r.rows == $v.rows and $r.terms == $v.terms)
		| { connection: ($v | connection), rows: $v.rows, id: $v.receipt, chain: $chain }]
	| group_by(.connection) | map(sort_by([-.rows, .id])[0].chain)[]
	| . as $chain | range(length) | $chain[.] + { rows: ($chain[.].record.rows - (if . == 0 then 0 else $chain[. - 1].record.rows end)) };

# ---- splitting ----

# An amount by weights: whole, what is left to the largest remainders, of equals to the first.
def split($amount; $weights):
	($weights | add) as $all
	| [range($weights | length) as $i | ($amount * $weights[$i]) as $x | { $i, left: ($x % $all), part: (($x - $x % $all) / $all) }]
	| ($amount - (map(.part) | add)) as $more
	| sort_by([-.left, .i]) | to_entries | map(.value + { part: (.value.part + (if .key < $more then 1 else 0 end)) }) | sort_by(.i) | map(.part);

# Between shares, of which each gets no more than its room (null: all): who is full leaves the rest to the others. The last part is nobody's.
def share_out($amount; $weights; $rooms):
	if $amount == 0 or ($weights | add) == 0 then ($weights | map(0)) + [$amount]
	else split($amount; $weights) as $parts
		| [range($parts | length) | select($rooms[.] != null and $parts[.] > $rooms[.])] as $full
		| if $full == [] then $parts + [0]
		else ($full | map($rooms[.]) | add) as $gone
			| share_out($amount - $gone; [range($weights | length) | if [.] | inside($full) then 0 else $weights[.] end]; $rooms)
			| . as $others | [range(length) as $i | if [$i] | inside($full) then $rooms[$i] else $others[$i] end]
		end
	end;

# ---- debts ----

def price($t; $rows): if $t.rows == null then 0 else ([$rows - ($t.free // 0), 0] | max) * $t.rows.price | (. - . % $t.rows.per) / $t.rows.per end;

# What each client owes by each terms, split between the groups of receipts with the same payees.
def debts:
	[covered | select(.rows > 0) | .record as $r | .index as $index | select(holds($r.terms; $r.time) and (is_subscribed($r; $index) | not))
		| { terms: $r.terms, client: $r.client, node: $r.node, rows, payees: payees($r.terms; $r.node; $r.time; $index) }]
	| group_by([.terms, .client])[]
	| group_by([.node, .payees]) | map(.[0] + { rows: (map(.rows) | add) })
	| split(price(terms(.[0].terms); map(.rows) | add); map(.rows)) as $amounts
	| . as $groups | range(length) | $groups[.] + { amount: $amounts[.] };

def subscriptions:
	[$log[] | select(.record.type == "subscription" and is_behind_terms) | .index as $index | .record | terms(.terms) as $t
		| select($t.period != null and holds(.terms; .from))
		| { terms, client, node, from, periods, amount: (.periods * $t.period.price), payees: payees(.terms; .node // $t.issuer; .from; $index) }]
	| sort_by([.terms, .client, .node, .from, .periods])[];

def resales:
	$log[] | .index as $index | .record | select(.type == "transfer" and .price != null and .terms != null)
	| select($by_id[.terms] != null and $by_id[.terms].index < $index and owner(.asset; $index) == .from)
	| terms(.terms) as $t | select($t.resale != null)
	| [.from, $t.resale.to, $t.unit, (.price * $t.resale.parts | (. - . % $t.resale.per) / $t.resale.per), .terms, "resale"];

# ---- payments; what shares have had goes on from debt to debt ----

def pay($had):
	. as $debt | terms(.terms) as $t
	| share_out(.amount; [range($t.shares | length) | if $debt.payees[.] == null then 0 else $t.shares[.].parts end];
		[range($t.shares | length) | $t.shares[.].cap as $cap | if $cap == null then null else $cap - ($had["\($debt.terms) \(.)"] // 0) end]);

def payments:
	foreach (debts, subscriptions) as $d ({ had: {} };
		.had as $had | ($d | pay($had)) as $parts | .parts = $parts
		| reduce range($parts | length) as $i (.; .had["\($d.terms) \($i)"] += $parts[$i]);
		.parts as $parts | terms($d.terms) as $t | range($parts | length)
		| [$d.client, ($d.payees + [$t.issuer])[.], $t.unit, $parts[.], $d.terms, (if . == ($parts | length) - 1 then "rest" else . end)]),
	resales;

payments | select(.[3] > 0) | @tsv
