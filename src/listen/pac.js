function addressOf(host) {
  var parts, groups, i;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) {
    parts = host.split(".");
    return [parts[0] * 256 + +parts[1], parts[2] * 256 + +parts[3]];
  }
  if (!/^[0-9a-f:]*:[0-9a-f:]*$/.test(host)) { return null; }
  parts = host.split("::");
  groups = parts[0] ? parts[0].split(":") : [];
  parts = parts[1] ? parts[1].split(":") : [];
  while (groups.length + parts.length < 8) { groups.push("0"); }
  groups = groups.concat(parts);
  for (i = 0; i < groups.length; i++) { groups[i] = parseInt(groups[i], 16); }
  return groups;
}

function isInNetwork(address, network, bits) {
  var i, drop;
  if (address.length !== network.length) { return false; }
  for (i = 0; i * 16 < bits; i++) {
    drop = Math.max(0, i * 16 + 16 - bits);
    if (address[i] >> drop !== network[i] >> drop) { return false; }
  }
  return true;
}

function FindProxyForURL(url, host) {
  var address, name, i;
  name = String(host).toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
  address = addressOf(name);
  if (address) {
    for (i = 0; i < NETWORKS.length; i++) {
      if (isInNetwork(address, NETWORKS[i][0], NETWORKS[i][1])) { return "DIRECT"; }
    }
    return PROXIES;
  }
  if (name.indexOf(".") < 0) { return "DIRECT"; }
  for (i = 0; i < NAMES.length; i++) {
    if (("." + name).slice(-NAMES[i].length) === NAMES[i]) { return "DIRECT"; }
  }
  return PROXIES;
}
