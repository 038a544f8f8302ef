// Command wasm is the program that the site's pages run in a worker of the visitor's browser. A
// page calls answer with a question of package player; the answers come as messages.
package main

import (
	"context"
	"syscall/js"

	"example.com/triplecharge/internal/site/player"
)

func main() {
	reply := func(text string) { js.Global().Call("postMessage", text) }
	js.Global().Set("answer", js.FuncOf(func(_ js.Value, args []js.Value) any {
		question := args[0].String()
		go player.Answer(context.Background(), question, reply)
		return nil
	}))
	select {}
}
