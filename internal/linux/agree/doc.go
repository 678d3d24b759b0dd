// Package agree holds package process against the kernel it models: the same random
// sequences of operations run on real processes in a PID namespace and on a table,
// and after each operation every number, error number, wait result and signal must
// be the same. It has tests only.
package agree
