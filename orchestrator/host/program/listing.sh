# Listings: what a release holds, in a form for awk. See docs/host-protocol.md for the format.

# Reads and judges a listing. entry(line) fills kind, mode, size, sha, target and the order of
# entries, keyed by the path as it is written; whole() judges them together. What cannot be used is
# printed as "!bad <why>".
# shellcheck disable=SC2016
AWK_LISTING='
function bad(why) { print "!bad " why; broken = 1; exit 1 }
function decode(s) { gsub(/%0A/, "\n", s); gsub(/%25/, "%", s); return s }
function parent(p) { return p ~ /\// ? substr(p, 1, length(p) - length(last_part(p)) - 1) : "" }
function last_part(p) { sub(/.*\//, "", p); return p }
function word(s,   n, i, part, out) {
  n = split(s, part, "\047")
  out = part[1]
  for (i = 2; i <= n; i++) out = out "\047\\\047\047" part[i]
  return "\047" out "\047"
}
function quoted(s) {
  s = word(s)
  gsub(/%0A/, "\047\"$NL\"\047", s)
  gsub(/%25/, "%", s)
  return s
}
function bare(octal) { sub(/^0+/, "", octal); return octal == "" ? 0 : octal }
function is_odd(p) { return p ~ /%0A|\\/ }
function split_line(line,   part, k) {
  if (line ~ /^f 0[0-7][0-7][0-7] [0-9]+ [0-9a-f]+ ./) {
    split(line, part, " ")
    if (length(part[4]) != 64) return ""
    new_mode = bare(part[2]); new_size = part[3]; new_sha = part[4]
    return substr(line, length(new_size) + 74)
  }
  if (line ~ /^d 0[0-7][0-7][0-7] ./) { new_mode = bare(substr(line, 3, 4)); return substr(line, 8) }
  if (line ~ /^l [^ ]+ ./) {
    k = index(substr(line, 3), " ")
    new_target = substr(line, 3, k - 1)
    return substr(line, k + 3)
  }
  return line ~ /^s ./ ? substr(line, 3) : ""
}
function entry(line,   p, t) {
  p = split_line(line)
  t = p
  gsub(/%25|%0A/, "", t)
  if (p == "" || t ~ /%/) bad("line " FNR " cannot be read")
  t = "/" p "/"
  if (t ~ /\/\// || t ~ /\/\.\.?\//) bad("an unsafe path: " p)
  if (tolower(t) ~ /^\/\.fleet\//) bad("a path of the host program: " p)
  if (p in kind) bad("listed twice: " p)
  kind[p] = substr(line, 1, 1)
  order[++entries] = p
  if (kind[p] ~ /[fd]/) mode[p] = new_mode
  if (kind[p] == "f") { size[p] = new_size; sha[p] = new_sha }
  if (kind[p] == "l") {
    gsub(/%20/, " ", new_target)
    t = new_target
    gsub(/%25|%0A/, "", t)
    if (t ~ /%/ || t ~ /^\//) bad("an unsafe link: " p)
    target[p] = new_target
  }
}
function kept_entry(line,   p, k) {
  k = substr(line, 1, 1)
  p = line ~ /^m 0[0-7][0-7][0-7] ./ ? substr(line, 8) : k == "f" ? split_line(line) : ""
  if (p == "" || k == "f" && kind[p] != "f") bad("its record of what is kept cannot be read: " line)
  if (k == "m") new_mode = bare(substr(line, 3, 4))
  else { size[p] = new_size; sha[p] = new_sha }
  mode[p] = new_mode
}
function one_case(p) {
  if ((tolower(p) in folded) && folded[tolower(p)] != p) bad("only case tells apart: " p)
  folded[tolower(p)] = p
}
function whole(   i, p, up) {
  for (i = 1; i <= entries; i++) {
    p = order[i]
    one_case(p)
    for (up = parent(p); up != "" && !(up in implied); up = parent(up)) {
      if ((up in kind) && kind[up] != "d") bad("below what is no folder: " p)
      one_case(up)
      implied[up] = 1
    }
    if (kind[p] == "l" && leads_out(p)) bad("an unsafe link: " p)
    if (kind[p] == "s") target[p] = climb(p) "../../shared/" p
  }
}
function climb(p,   out) {
  while (p ~ /\//) { out = out "../"; sub(/[^\/]*\//, "", p) }
  return out
}
function leads_out(p,   here, todo, k, part, name, hops) {
  here = parent(p)
  todo = target[p]
  while (todo != "") {
    k = index(todo "/", "/")
    part = substr(todo, 1, k - 1)
    todo = substr(todo, k + 1)
    if (part == "" || part == ".") continue
    if (part == "..") {
      if (here == "") return 1
      here = parent(here)
      continue
    }
    name = here == "" ? part : here "/" part
    if ((name in kind) && kind[name] == "s") return ("/" todo "/") ~ /\/\.\.\//
    if ((name in kind) && kind[name] == "l") {
      if (++hops > 40) return 1
      todo = target[name] "/" todo
    } else here = name
  }
  return 0
}'

# What lies in the current folder but .fleet, one line each: "<mode> <size> <type>:./<path>", after a
# link also ">target". Names and targets that hold a newline are left out.
scan() {
  find . -path ./.fleet -prune -o ! -path "*$NL*" \
    \( -type l ! -lname "*$NL*" -printf '%m %s %y:%p\n>%l\n' -o -printf '%m %s %y:%p\n' \) 2>/dev/null && return
  find . -path ./.fleet -prune -o ! -path "*$NL*" -exec stat -c '%a %s %F:%n' {} + 2>/dev/null
  find . -path ./.fleet -prune -o -type l ! -path "*$NL*" -print | while IFS= read -r link; do
    goal=$(readlink "$link"; echo .)
    goal=${goal%"$NL".}
    case $goal in *"$NL"*) ;; *) printf '0 0 l:%s\n>%s\n' "$link" "$goal" ;; esac
  done
}

# Reads one line of scan: seen_path, seen_type (f, d, l, other), seen_mode, seen_size, or seen_target.
AWK_SCAN='
function seen(line,   k, part) {
  k = index(line, ":./")
  seen_path = k ? substr(line, k + 3) : ""
  gsub(/%/, "%25", seen_path)
  split(substr(line, 1, k), part, /[ :]/)
  seen_mode = bare(part[1])
  seen_size = part[2]
  seen_type = part[3] ~ /^(f|regular)$/ ? "f" : part[3] ~ /^(d|directory)$/ ? "d" : part[3] ~ /^(l|symbolic)$/ ? "l" : "other"
}'

# Compare the current folder with its listing, all but the bytes. Prints "<sha256>  ./<path>" for each
# file whose bytes are still to be hashed, "!<kind> <path>" for what differs, and "?odd …" for what
# must be looked at one by one. `compare extra` also tells what the listing does not name. What the
# release keeps of local changes (.fleet/kept) counts as listed, unless strict is set.
compare() {
  kept=
  [ -n "$strict" ] || [ ! -f .fleet/kept ] || kept="pass=kept .fleet/kept"
  # shellcheck disable=SC2086
  scan | awk -v extra="${1-}" "$AWK_LISTING$AWK_SCAN"'
    function differs(what, p) { if (!(p in wrong)) print "!" what " " p; wrong[p] = 1 }
    pass == 1 { entry($0); next }
    pass == "kept" { kept_entry($0); next }
    !judged { whole(); judged = 1 }
    /^>/ {
      if (seen_path in target) reached[seen_path] = substr($0, 2)
      next
    }
    {
      seen($0)
      p = seen_path
      if (p == "") next
      there[p] = 1
      if ((p in kind) && is_odd(p)) next
      if (!(p in kind) && !(p in implied)) { if (extra != "") print "!extra " p; next }
      k = (p in kind) ? kind[p] : "d"
      if (k == "s") k = "l"
      if (k != seen_type) differs("modified", p)
      else if (k == "d") { if (seen_mode % 1000 != ((p in mode) ? mode[p] : 755)) differs("wrong_mode", p) }
      else if (k == "f") {
        if (seen_size != size[p]) { differs("modified", p); next }
        if (seen_mode != mode[p]) differs("wrong_mode", p)
        print sha[p] "  ./" decode(p)
      }
    }
    END {
      if (broken) exit 1
      if (!judged) whole()
      for (i = 1; i <= entries; i++) {
        p = order[i]
        if (is_odd(p) || (p in target) && is_odd(target[p]))
          print "?odd " kind[p] " \047" mode[p] "\047 \047" sha[p] "\047 " quoted(target[p]) " " quoted(p) " " word(p)
        else if (!(p in there)) differs("missing", p)
        else if ((p in target) && reached[p] != decode(target[p])) differs("modified", p)
      }
    }' pass=1 .fleet/listing $kept pass=2 -
}
