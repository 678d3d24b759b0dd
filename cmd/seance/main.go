// Command seance is a session manager for Linux: it runs a set of programs as
// one image, and boots, saves, branches and resumes it.
package main

func main() {}
