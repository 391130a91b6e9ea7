#!/bin/sh
# Makes the passwords that docker-compose.yml mounts as secrets. A password that exists is kept. An argument names another folder.
#
# The folder is closed to everybody else. The files in it are readable: containers run as users of their own, and Compose mounts a
# file with the mode that it has.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

make() {  # make NAME CONTENT
  [ -e "$folder/$1" ] && { echo "kept $folder/$1" >&2; return; }
  printf '%s' "$2" > "$folder/$1.new"
  chmod 444 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
  echo "made $folder/$1" >&2
}

password() {  # 192 bits, of letters and digits and - and _
  head -c 24 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'
}

make postgres_password "$(password)"
make tocsin_password "$(password)"
make kafka_password "$(password)"
make kafka_jaas "KafkaServer {
  org.apache.kafka.common.security.plain.PlainLoginModule required
  user_tocsin=\"$(cat "$folder/kafka_password")\";
};
"
