# Who vouches for what is laid down here: k of n distinct signers, as ssh-keygen finds them.
#
# A list of signers is an allowed_signers file with `#fleet` lines (docs/trust.md).

# Is the manifest in the current folder signed by as many as it takes? -> signature; fails with why.
# A list that is pinned on the host wins over the one in the request, which may only demand more.
# An expired or older bundle ends the operation.
verified() {
  pinned=$a_state/trust/allowed_signers
  [ -f "$pinned" ] || pinned=
  if [ -z "$pinned${a_signers-}" ]; then
    signature="unchecked: no signers were given"
  else
    check_signatures
  fi
  case $signature in
    verified) ;;
    unchecked*) [ -z "$pinned" ] || { why="the host demands a signature, but $signature"; return 1; } ;;
    *) why=$signature; return 1 ;;
  esac
  fresh || leave no "release $a_release was refused: $why"
}

check_signatures() {
  able || return 0
  if begin_scratch && printf %s "${a_signers-}" >"$W/given"; then
    judge_manifest
  else
    signature="cannot write in $S"
  fi
  rm -rf "$W"
}

# Can this host verify signatures? If not -> signature says why.
able() {
  if ! command -v ssh-keygen >/dev/null; then
    signature="unchecked: no ssh-keygen on this host"
    return 1
  fi
  case $(ssh-keygen -Y verify 2>&1 </dev/null) in
    *"nknown option"* | *"llegal option"*) signature="unchecked: ssh-keygen is too old"; return 1 ;;
  esac
}

# An empty folder for a verification -> W.
begin_scratch() {
  W=$S/verify
  rm -rf "$W"
  mkdir "$W"
}

judge_manifest() {
  list=${pinned:-$W/given}
  needed=$(threshold "$list")
  asked=$(threshold "$W/given")
  [ "$needed" -ge "$asked" ] || needed=$asked
  if said "$list" revoked-bundle | grep -qx "$a_manifest"; then
    signature="the bundle is revoked by $list"
  elif is_over "$(said "$list" expires)"; then
    signature="the list of signers $list expired at $(said "$list" expires)"
  else
    vouch "$list" fleet-bundle .fleet/manifest.json .fleet/manifest.sig "${a_identities-}" "$needed"
    [ -z "$pinned" ] || [ "$signature" = verified ] || signature="by what is pinned here, $signature"
  fi
}

# The values of a directive.
said() {
  awk -v name="$2" '$1 == "#fleet" && $2 == name { print $3 }' "$1"
}

# How many signers a bundle of the package needs.
threshold() {
  awk -v package="$a_package" '
    $1 == "#fleet" && $2 == "threshold" { if ($4 == "") all = $3; else if ($4 == package) own = $3 }
    END { n = own ? own : all ? all : 1; print n ~ /^[0-9]+$/ ? n : 99 }' "$1"
}

# Is a time such as 2027-01-31T00:00:00Z past? Nothing never is.
is_over() {
  [ -n "$1" ] && ! is_before "$(utc)" "$1"
}

utc() {
  date -u +%Y-%m-%dT%H:%M:%SZ
}

is_before() {
  awk -v a="$1" -v b="$2" 'BEGIN { exit !((a "") < (b "")) }'
}

# vouch <list> <namespace> <file> <signatures> <identities> <needed>: do so many distinct signers of a
# list vouch for a file? -> signature. Identities name the signer of each signature, `-` for nobody's.
vouch() {
  valid_lines "$1" "$2" >"$W/signers"
  awk -v to="$W/" '/^-----BEGIN SSH SIGNATURE-----/ { n++ } n { print >(to n) }' "$4"
  revoked "$1" || { signature="the revoked keys of $1 cannot be read"; return; }
  number=0 count=0 voters=' ' complaint=
  for identity in $5; do
    number=$((number + 1))
    [ "$identity" != - ] && [ -f "$W/$number" ] || continue
    if heard=$(holds "$identity" "$2" "$3" ${krl:+-r "$krl"}); then
      add_voter "name:$identity" "key:${heard##* }"
    else
      complaint=$heard
      [ -z "$krl" ] || ! holds "$identity" "$2" "$3" >/dev/null || complaint="Signing key is revoked"
    fi
  done
  [ "$count" -lt "$6" ] || { signature=verified; return; }
  case $count in
    0) signature="its signature does not hold: ${complaint:-no signer is named}" ;;
    *) signature="it is signed by $count of the $6 signers that it needs${complaint:+: $complaint}" ;;
  esac
}

# Does signature <number> hold? Prints what ssh-keygen says, with the key at the end.
holds() {
  who=$1 space=$2 what=$3
  shift 3
  ssh-keygen -Y verify -f "$W/signers" -I "$who" -n "$space" -s "$W/$number" "$@" 2>&1 <"$what"
}

# Count each name and each key once.
add_voter() {
  case $voters in *" $1 "* | *" $2 "*) return ;; esac
  voters="$voters$1 $2 "
  count=$((count + 1))
}

# The keys that a list revokes, as ssh-keygen takes them -> krl.
revoked() {
  krl=
  said "$1" revoked-key | sed 's/^/hash: /' >"$W/revoked"
  [ -s "$W/revoked" ] || return 0
  krl=$W/krl
  ssh-keygen -q -k -f "$krl" "$W/revoked" 2>/dev/null
}

# The lines of a list that name a namespace and are valid now, without their times: not every
# ssh-keygen knows these.
valid_lines() {
  awk -v space="$2" -v utc="$(date -u +%Y%m%d%H%M%S)" -v here="$(date +%Y%m%d%H%M%S)" '
    function reached(option,   t, zulu) {
      if (!match(low, option "=\"[0-9]+z?\"")) return -1
      t = substr(low, RSTART + length(option) + 2, RLENGTH - length(option) - 3)
      zulu = sub(/z/, "", t)
      return substr(t "00000000", 1, 14) <= (zulu ? utc : here) ""
    }
    { low = tolower($0) }
    /^[ \t]*#/ || !match(low, /namespaces="[^"]*"/) { next }
    !index("," substr(low, RSTART + 12, RLENGTH - 13) ",", "," space ",") { next }
    reached("valid-after") == 0 || reached("valid-before") == 1 { next }
    {
      gsub(/[Vv][Aa][Ll][Ii][Dd]-[A-Za-z]+="[0-9]+[Zz]?",?/, "")
      sub(/,[ \t]+/, " ")
      print
    }' "$1"
}
