# Make a CA for the address of the ACME CA, and another one with a certificate that a site brings.
mkdir -p /etc/pebble
cd /etc/pebble
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch'
ca='-x509 -days 3650 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign'
issue() { # name, names, its CA
  openssl req -new $key -subj "/CN=$1" -keyout "$1.key" -addext "subjectAltName=$2" |
    openssl x509 -req -days 365 -CA "$3.pem" -CAkey "$3.key" -CAcreateserial -copy_extensions copy -out "$1.pem"
}
for name in pebble-root own-root; do
  openssl req $ca $key -subj "/CN=$name" -keyout "$name.key" -out "$name.pem"
done
issue pebble IP:198.18.55.61 pebble-root
issue own DNS:own.example own-root
