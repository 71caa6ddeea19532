# What comes before a document's commands when the tests run them. All commands are the real ones, the relay too. Those
# that a test cannot run are named here, each with the reason; a command that is neither fails.
exec 2>&1
set -euo pipefail

not_run() { echo "not run, because it $1"; }

forge() { not_run "talks to Atlassian's cloud, with an account"; }
git() { not_run "fetches from another site"; }
cargo() {
  case "$1 ${2:-}" in
    "install --path") not_run "builds the relay, and the one under test is on the PATH" ;;
    "xtask "*) not_run "is the way in to these tests, or takes as long as they do" ;;
    *) return 127 ;;
  esac
}
npm() {
  if [ "$1" = run ]; then command npm "$@"; return; fi
  if [ "$1" != install ] && [ "$1" != i ]; then return 127; fi
  for package in "${@:2}"; do [ -e "$package" ] || [ -e "node_modules/$package" ] || return; done
  not_run "installs from the registry, and the test has these packages already"
}
pip() { if [ "$1" = install ]; then not_run "installs from the registry, as npm does"; else return 127; fi; }
caddy() { not_run "needs a public name, for which it gets a certificate"; }

python() { "$PYTHON" "$@"; }
# An answer that refuses is no success.
curl() { command curl --fail-with-body "$@"; }

# How many clients the relay at hand has; -1 where there is none yet.
clients() {
  curl -sS "$RELAY_URL/metrics" 2>/dev/null | sed -n 's/^connected_clients //p' | grep . || echo -1
}

# Waits until there is one more of what was started in the background: a relay, or a client of it.
more_than() {
  for _ in $(seq 200); do
    if [ "$(clients)" -gt "$1" ]; then return; fi
    sleep 0.1
  done
  echo "what runs on did not come up"
  return 1
}
