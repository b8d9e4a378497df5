# shellcheck shell=bash
# Installing with dnf (Fedora) or pacman (Arch). Sourced by install.sh.
#
# Untested, and it says so: these package names were read, not run.

install_packages() {
  # shellcheck disable=SC2154 # family is set by install.sh
  warn "installing on $family is untested; please report what goes wrong"
  case "$family" in
    fedora) as_root dnf install -y --setopt=install_weak_deps=False "$@" </dev/null ;;
    arch) as_root pacman -S --needed --noconfirm "$@" </dev/null ;;
    *) die "no way to install on $family" ;;
  esac
}
