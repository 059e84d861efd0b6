render()
