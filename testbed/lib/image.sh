load_image() { :; }
