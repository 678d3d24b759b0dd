// Package ns gives an image the namespaces it lives in: pid, mount, ipc and
// uts of its own, and a mount tree that CRIU can take.
//
// The tree is the host's, bound mount by mount, with what belongs to a kernel
// view (proc, sysfs, dev, devpts) made anew, so that every path means inside
// what it means outside. The image's own folder appears at one fixed path
// whatever the image is called, because a saved image may boot under another
// name.
//
// The steps, in the order of the life of init: [Start] clones it from the
// monitor; it calls [Enter] first of all, still with the host's files open;
// then it replaces itself by the program as it is found inside, so that
// nothing it holds comes from outside.
package ns
