// Package session runs the lifetime of an image: what is started when it boots, what is shut down
// when it is saved or quits, in which order, and told why.
package session
