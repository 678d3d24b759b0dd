package image

const childEnv = "SEANCE_IMAGE_TEST_CHILD"

func runChild() {}
