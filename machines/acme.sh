# Make a certificate for the address of a CA itself, and the root that it is from; the argument is an IP address.
mkdir -p /etc/pebble
cd /etc/pebble
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch'
openssl req -x509 -days 3650 $key -subj /CN=acme-address -keyout root.key -out root.pem \
  -addext keyUsage=keyCertSign
openssl req -new $key -subj /CN=acme -keyout pebble.key -addext "subjectAltName=IP:$1" |
  openssl x509 -req -days 3650 -CA root.pem -CAkey root.key -CAcreateserial -copy_extensions copy -out pebble.pem
rm root.key
chown pebble pebble.key
