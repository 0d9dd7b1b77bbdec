// Package remote runs a command of kuke on another host, through the ssh program of the user. Nothing of kuke listens there.
//
// The caller is the kuke that the user started; it sends one [Request] over the connection. `kuke host-session` on the host
// ([Init]) writes the files of the request to a private directory below /run, and runs the command as its child, which finds
// the caller's files and variables through a [Caller]. Frames carry the request, the input and the signals of the command one way,
// and its output, its files and its exit status the other way:
//
//	caller: Dial ──ssh──▶ host-session: serve ──▶ the command: Init, Caller
//	            request, input, signals, sizes ▶
//	            ◀ output, files, exit status
//
// The package knows ssh, files and terminals, and nothing of flags, configurations or plans.
package remote
