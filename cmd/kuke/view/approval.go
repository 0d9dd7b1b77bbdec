package view

// Ask prints the question for approval.
func (v *View) Ask(destroy bool) {
	question := "Do you want to perform these actions?"
	if destroy {
		question = "Do you really want to destroy these resources? There is no undo."
	}
	v.printf("\n%s\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ", v.ink.bold("%s", question))
}
