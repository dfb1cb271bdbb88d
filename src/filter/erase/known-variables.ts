/**
 * Types of variables that rules are likely to name, because BTF has only per-CPU variables. Each variable has this type
 * in every kernel since 2.6.24 that has it (according to their headers); a test compares them with DWARF. For other
 * variables the rule names the type: `NAME{TYPE}`.
 */
export const KNOWN_VARIABLES: Readonly<Record<string, string>> = {
  file_systems: "struct file_system_type *",
  init_cred: "struct cred",
  init_mm: "struct mm_struct",
  init_net: "struct net",
  init_nsproxy: "struct nsproxy",
  init_pid_ns: "struct pid_namespace",
  init_task: "struct task_struct",
  init_user_ns: "struct user_namespace",
  init_uts_ns: "struct uts_namespace",
  key_serial_tree: "struct rb_root",
  modules: "struct list_head",
  net_namespace_list: "struct list_head",
  panic_notifier_list: "struct atomic_notifier_head",
  saved_command_line: "char *",
  slab_caches: "struct list_head",
  super_blocks: "struct list_head",
  workqueues: "struct list_head",
};
