# Which of two versions is the lower one.

# Does the first semantic version come before the second (semver.org, clause 11)? No, if one is empty.
lower() {
  awk -v a="$1" -v b="$2" '
    function number(s) { return s ~ /^[0-9]+$/ }
    # -1, 0, 1; numbers may be longer than awk can count
    function compare(x, y) {
      if (number(x) != number(y)) return number(x) ? -1 : 1
      if (number(x) && length(x) != length(y)) return length(x) < length(y) ? -1 : 1
      x = x ""
      y = y ""
      return x < y ? -1 : x > y
    }
    function all(x, y,   p, q, n, m, i, c) {
      n = split(x, p, ".")
      m = split(y, q, ".")
      for (i = 1; i <= n && i <= m; i++) if (c = compare(p[i], q[i])) return c
      return n < m ? -1 : n > m
    }
    function core(v) { sub(/-.*/, "", v); return v }
    function before(v) { return index(v, "-") ? substr(v, index(v, "-") + 1) : "" }
    BEGIN {
      sub(/\+.*/, "", a)
      sub(/\+.*/, "", b)
      if (a == "" || b == "") exit 1
      c = all(core(a), core(b))
      x = before(a)
      y = before(b)
      if (!c && x != y) c = x == "" ? 1 : y == "" ? -1 : all(x, y)
      exit !(c < 0)
    }'
}
