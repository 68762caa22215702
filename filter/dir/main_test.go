package dir_test

import "hushpipe/filter/dirtest"

var day, at = dirtest.Day, dirtest.At
