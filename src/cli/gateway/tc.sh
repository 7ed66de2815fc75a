#!/bin/sh
@HEAD@
set -eu
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

major=c1ea                # of our queues, so that nobody else's is taken for one
table=clearway_tc         # of nftables
ifb=clearway-down         # where several interfaces towards staff share one link
pref=49642                # of our filters that lead there

say() { echo "clearway tc: $*" >&2; }

# Interfaces that have a queue of ours.
ours() { tc qdisc show | awk -v own="$major:" '$2 == "htb" && $3 == own { print $5 }'; }

# Interfaces that lead to the ifb.
leading() {
  for dev in $(ip -o link show | awk -F ': ' '{ sub(/@.*/, "", $2); print $2 }'); do
    if tc filter show dev "$dev" egress 2>/dev/null | grep -q "pref $pref "; then echo "$dev"; fi
  done
}

# Takes the way to the ifb from an interface, and what carried it if nobody else needs that.
unlead() {
  tc filter del dev "$1" egress pref "$pref"
  if [ -z "$(tc filter show dev "$1" egress; tc filter show dev "$1" ingress)" ]; then
    tc qdisc del dev "$1" clsact
  fi
}

undo() {
  nft list table inet "$table" >/dev/null 2>&1 && nft delete table inet "$table"
  for dev in $(leading); do unlead "$dev"; done
  for dev in $(ours); do tc qdisc del dev "$dev" root; done
  if ip link show "$ifb" >/dev/null 2>&1; then ip link del "$ifb"; fi
}

@CUT@
# The classes that an interface has: each with the one around it. fq_codel tells of its flows as classes, while it has some.
shape() { tc class show dev "$1" 2>/dev/null | awk '$2 == "htb" { print $3 ":" ($4 == "root" ? "root" : $5) }' | sort | tr '\n' ' '; }

# root DEVICE SHAPE: our HTB on an interface. One of another shape is made anew, one of the same is left, so that new rates
# come into force without a packet lost.
root() {
  if [ "$(shape "$1")" != "$2" ]; then
    if ours | grep -qxF "$1"; then tc qdisc del dev "$1" root; fi
    tc qdisc replace dev "$1" root handle "$major:" htb default @REST@
  fi
}

# there DEVICES: whether all of them are here, and what asks for them.
there() {
  for program in ip tc nft; do
    command -v "$program" >/dev/null || { say "$program is missing; on Debian: apt-get install nftables iproute2"; exit 1; }
  done
  for dev in $1; do
    if ! ip link show dev "$dev" >/dev/null 2>&1; then
      say "this machine has no interface $dev, see ip link; nothing was changed"
      exit 1
    fi
  done
}

# free DEVICES: whether no queue of somebody else's is on them.
free() {
  for dev in $1; do
    other=$(tc qdisc show dev "$dev" root | awk -v own="$major:" '$3 != own && $3 != "0:" { print $2 " " $3; exit }')
    if [ -n "$other" ]; then
      say "$dev has a queue of its own, $other, which this would destroy; nothing was changed; first: tc qdisc del dev $dev root"
      exit 1
    fi
  done
}

# class DEVICE PARENT MINOR RATE CEIL PRIO BURST QUANTUM: rates in bit/s, the rest in bytes.
class() {
  tc class replace dev "$1" parent "$major:$2" classid "$major:$3" \
    htb rate "$4bit" ceil "$5bit" prio "$6" burst "$7" cburst "$7" quantum "$8"
}

# leaf DEVICE MINOR PACKETS: a queue that is fair to connections where the kernel has one.
fair=yes
leaf() {
  if [ "$fair" = yes ] && ! tc qdisc replace dev "$1" parent "$major:$2" fq_codel 2>/dev/null; then
    say "this kernel has no fq_codel: within a class, connections wait in one queue (pfifo)"
    fair=no
  fi
  if [ "$fair" = no ]; then tc qdisc replace dev "$1" parent "$major:$2" pfifo limit "$3"; fi
}

# lead DEVICE: what leaves by it waits in the ifb first.
lead() {
  if leading | grep -qxF "$1"; then return; fi
  tc qdisc show dev "$1" | grep -q '^qdisc clsact ' || tc qdisc add dev "$1" clsact
  tc filter add dev "$1" egress pref "$pref" protocol all u32 match u32 0 0 action mirred egress redirect dev "$ifb"
}

# keep WHO UNDO DEVICES: takes away what an earlier run left on interfaces that are not named any more.
keep() {
  for dev in $("$1"); do
    case " $3 " in *" $dev "*) ;; *) "$2" "$dev" ;; esac
  done
}
unroot() { tc qdisc del dev "$1" root; }

apply() {
@APPLY@

  nft -f - <<'END'
@NFT@
END
}

case "${1-}" in
  "") ;;
  --undo) undo; exit 0 ;;
  *) say "what is $1? Nothing, or --undo"; exit 2 ;;
esac
@NEEDS@
# Half of it would be worse than nothing of it.
trap 'status=$?; [ $status -eq 0 ] || { undo; say "that failed; all of it was taken away again"; exit $status; }' EXIT
apply
