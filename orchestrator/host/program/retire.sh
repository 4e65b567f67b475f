# Letting go of what a package need not keep: old releases and old backups.
#   .fleet/leaving   of a release: it was complete, and its removal has begun

# How much is to be kept, from the request: releases, their age (s), free space (KiB); backups, their age.
retention() {
  for limit in keep:=3 keep_age:=0 keep_free_kib:=0 backups:=10 backups_age:=0; do
    eval "is_number \"\${a_$limit}\"" || answer error "not a number in ${limit%%:*}"
  done
}

retire() {
  prune
  retire_backups
}

# Remove complete releases, oldest first, beyond those to keep, past their age, or for want of room;
# but never the active, the previous or the golden one.
prune() {
  finish_removals
  load_golden
  completes
  surplus=-$a_keep aged=
  for release in $complete; do
    about_release "$release"
    aged="$aged$completed $release$NL"
    surplus=$((surplus + 1))
  done
  for release in $(printf %s "$aged" | sort -n | sed 's/.* //'); do
    [ "$release" != "$active" ] && [ "$release" != "$previous" ] && [ "$release" != "$golden" ] || continue
    about_release "$release"
    [ "$surplus" -gt 0 ] || past "$completed" "$a_keep_age" || cramped || continue
    remove "$release"
    surplus=$((surplus - 1))
    point pruned
  done
}

# Remove the rest of releases whose removal was broken off.
finish_removals() {
  set +f
  for mark in "$P"/releases/*/.fleet/leaving; do
    mark=${mark%/.fleet/leaving}
    mark=${mark##*/}
    ! is_name "$mark" || [ "$mark" = "$active" ] || [ "$mark" = "$previous" ] || remove "$mark"
  done
  set -f
}

# past <time> <age>: is that time longer ago than an age, where there is a limit?
past() {
  [ "$2" != 0 ] && is_number "$1" && [ $((now - $1)) -gt "$2" ]
}

cramped() {
  [ "$a_keep_free_kib" != 0 ] || return 1
  space "$P"
  [ "${free:-$a_keep_free_kib}" -lt "$a_keep_free_kib" ]
}

# Remove a complete release: what its listing names, then what is empty. A link where the listing has
# a folder goes first: what lies behind it is not ours.
remove() (
  cd "$P/releases/$1" || return
  mv -f .fleet/complete .fleet/leaving 2>/dev/null
  point mark_removed
  eval "$(awk "$AWK_LISTING"'
    function folder(p) {
      if (p == "" || (p in real)) return
      real[p] = 1
      folder(parent(p))
      print "> [ ! -L " quoted("./" p) " ] || rm -f -- " quoted("./" p)
    }
    { entry($0) }
    END {
      if (broken) exit
      whole()
      for (p in implied) folder(p)
      for (i = 1; i <= entries; i++) if (kind[order[i]] != "d") {
        batch = batch " " quoted("./" order[i])
        if (i % 50 == 0) { print "> rm -f --" batch; batch = "" }
      }
      if (batch != "") print "> rm -f --" batch
    }' .fleet/listing | sed -n 's/^> //p')"
  find . -depth -type d -exec rmdir {} + 2>/dev/null
  rm -rf .fleet
  cd .. && rmdir "./$1" 2>/dev/null
)

# Remove backups, oldest first; a backup's name begins with the time at which it was made.
retire_backups() {
  surplus=-$a_backups
  saved=$(ls "$S/backups" 2>/dev/null | grep '^[0-9]*-' | sort -n)
  for backup in $saved; do surplus=$((surplus + 1)); done
  for backup in $saved; do
    is_name "$backup" && is_number "${backup%%-*}" || continue
    [ "$surplus" -gt 0 ] || past "${backup%%-*}" "$a_backups_age" || continue
    discard "$S/backups/$backup"
    surplus=$((surplus - 1))
  done
}
