# Pinning a trust file on the host: freely at first, later only with the word of the old file's
# signers and of the new one's (as TUF rotates its root).

do_enrol() {
  case ${a_state-} in /*) ;; *) answer error "state is not an absolute path: ${a_state-}" ;; esac
  S=$a_state/trust pinned=$a_state/trust/allowed_signers
  if [ -z "${a_text-}" ]; then
    tell_pinned
    answer ok ''
  fi
  able || answer no "$signature"
  mkdir -p "$S" 2>/dev/null || answer no "cannot make $S: is it writable by this user?"
  clock
  know_self
  a_token=0 a_run=enrol highest=0
  claim o
  begin_scratch || pinned_not "cannot write in $S: is the disk full, or read-only?"
  printf %s "$a_text" >"$W/text" && printf %s "${a_signatures-}" >"$W/sig" ||
    pinned_not "cannot write in $W: is the disk full?"
  may_pin
  point pinning
  flush "$W/text" && mv -f "$W/text" "$pinned" && flush "$S" || pinned_not "cannot write $pinned"
  point pinned
  esc "${a_owner-}"
  history pinned enrol ",\"owner\":$E,\"serial\":$(serial "$pinned")"
  let_go
  tell_pinned
  answer ok ''
}

tell_pinned() {
  text=
  [ ! -f "$pinned" ] || text=$(cat "$pinned"; echo .)
  put_or_null pinned "${text%.}"
}

let_go() {
  rm -rf "$W"
  rm -f "$S/busy"
}

pinned_not() {
  let_go
  answer no "$1"
}

may_pin() {
  ! is_over "$(said "$W/text" expires)" || pinned_not "the new trust file has expired"
  [ -f "$pinned" ] || return 0
  if [ "$(cat "$pinned"; echo .)" = "$a_text." ]; then
    let_go
    tell_pinned
    answer ok 'already pinned'
  fi
  [ "$(serial "$W/text")" -gt "$(serial "$pinned")" ] ||
    pinned_not "its serial $(serial "$W/text") is not above that of the pinned file, $(serial "$pinned")"
  vouch "$pinned" fleet-trust "$W/text" "$W/sig" "${a_old_identities-}" "$(trust_threshold "$pinned")"
  [ "$signature" = verified ] || pinned_not "by the pinned file: $signature"
  vouch "$W/text" fleet-trust "$W/text" "$W/sig" "${a_identities-}" "$(trust_threshold "$W/text")"
  [ "$signature" = verified ] || pinned_not "by the new file: $signature"
}

serial() {
  value=$(said "$1" serial)
  is_number "$value" || value=0
  echo "$value"
}

# How many signers the next trust file needs.
trust_threshold() {
  awk '
    $1 == "#fleet" && $2 == "trust-threshold" { own = $3 }
    $1 == "#fleet" && $2 == "threshold" && $4 == "" { all = $3 }
    END { n = own ? own : all ? all : 1; print n ~ /^[0-9]+$/ ? n : 99 }' "$1"
}
