// Package live is the folder of a live image, as those see it who keep the
// image: a monitor, or `seance run`.
//
// One of them at a time holds the lock ([Lock]). A [Record] says which process
// the image is, for whoever comes next: when a keeper was killed, [Alive] tells
// whether the image has survived it, and [Sweep] and [EndStrays] clear away what
// is left of one that has not. The API is served on a socket that only the same
// user may use ([Listen]).
package live
