/** Types of kernel objects for fake machines (fake-machine.ts): the members that all tests of these objects need. */

/** hci_dev at hci_dev_list, with its keys. */
export const BLUETOOTH = {
  hci_dev: [0, 256],
  "hci_dev.list": [0, 16],
  "hci_dev.link_keys": [16, 16],
  "hci_dev.long_term_keys": [32, 16],
  "hci_dev.identity_resolving_keys": [48, 16],
  "link_key.list": [0, 16],
  "link_key.val": [24, 16],
  "smp_ltk.list": [0, 16],
  "smp_ltk.val": [40, 16],
  "smp_irk.list": [0, 16],
  "smp_irk.val": [48, 16],
} as const;

/** Links of mac80211 behind the net_device of each. */
export const WIRELESS = {
  ieee80211_sub_if_data: [0, 64],
  net_device: [0, 100],
  "net.dev_base_head": [0, 16],
  "net_device.dev_list": [0, 16],
  "net_device.netdev_ops": [16, 8],
  "ieee80211_sub_if_data.key_list": [16, 16],
  "ieee80211_key.list": [0, 16],
  "ieee80211_key.conf.keylen": [304, 1],
  "ieee80211_key.conf.key": [305, 0],
} as const;

/** input_dev at input_dev_list, with its last events. */
export const INPUT = {
  input_dev: [0, 64],
  "input_dev.node": [0, 16],
  "input_dev.vals": [16, 8],
  "input_dev.max_vals": [24, 4],
} as const;

/** Calls of SUNRPC's clients in each name space. */
export const SUNRPC = {
  sunrpc_net: [0, 64],
  "sunrpc_net.all_clients": [16, 16],
  "net.list": [0, 16],
  "net.gen": [16, 8],
  "net_generic.ptr": [0, 0],
  "rpc_clnt.cl_clients": [0, 16],
  "rpc_clnt.cl_tasks": [16, 16],
  "rpc_task.tk_task": [0, 16],
  "rpc_task.tk_rqstp": [16, 8],
  "rpc_rqst.rq_buffer": [0, 8],
  "rpc_rqst.rq_callsize": [8, 8],
  "rpc_rqst.rq_rbuffer": [16, 8],
  "rpc_rqst.rq_rcvsize": [24, 8],
} as const;

/** Clients of dm-bufio with their blocks; the trees differ from version to version. */
export const BUFIO = {
  dm_bufio_client: [0, 256],
  "dm_bufio_client.client_list": [0, 16],
  "dm_bufio_client.block_size": [16, 4],
  "dm_bufio_client.reserved_buffers": [24, 16],
  "dm_buffer.node": [0, 24],
  "dm_buffer.data": [32, 8],
} as const;
