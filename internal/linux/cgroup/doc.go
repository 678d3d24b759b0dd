// Package cgroup keeps programs in control groups, see cgroups(7): whatever
// becomes of a process, its group says whose it is, and all of a group can be
// killed at once.
//
// A [Tree] is a folder below the caller's own group; a [Group] is a folder in
// that, one for each service. Groups are for keeping track only: no controller
// is switched on. Both versions of cgroups will do:
//
//   - version 2: a program is cloned into its group, and cgroup.kill ends all
//     that is in it;
//   - version 1: one hierarchy is used, freezer or pids. A program has to enter
//     its group by itself, before it executes what it is to be. Groups are
//     killed process by process while they are kept from forking.
//
// Where neither is at hand, [Open] says why, and all goes on without: a nil
// Tree has nil Groups.
//
//	tree, err := cgroup.Open(cgroup.Options{})
//	group, err := tree.Group("web")
//	p, err := reaper.Start(reap.Spec{…, Cgroup: group})
//	err = group.Kill(ctx)
//	err = group.Remove()
//
// Nothing is held open: a group is a path, and may be frozen with whoever
// knows it.
package cgroup
