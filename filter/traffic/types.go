package traffic

// assets are the extensions of files that belong to a page or are downloaded.
var assets = []string{
	".css", ".js", ".mjs", ".map", ".json", ".xml", ".txt", ".log", ".wasm", ".webmanifest",
	".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".bmp", ".tif", ".tiff",
	".woff", ".woff2", ".ttf", ".otf", ".eot", ".swf",
	".mp3", ".ogg", ".oga", ".ogv", ".opus", ".m4a", ".wav", ".flac", ".mp4", ".m4v", ".webm", ".mov", ".avi", ".mkv", ".m3u8", ".ts", ".vtt",
	".pdf", ".epub", ".doc", ".docx", ".xls", ".xlsx", ".ppt", ".pptx", ".odt", ".ods", ".odp", ".csv", ".ics", ".vcf", ".gpx", ".kml", ".geojson",
	".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".jar", ".deb", ".rpm", ".exe", ".msi", ".dmg", ".apk", ".iso", ".bin",
}

// types lists the types of files: other, page, feed, and the extensions of assets.
var types = func() []string {
	all := []string{"other", "page", "feed"}
	for _, ext := range assets {
		all = append(all, ext[1:])
	}
	return all
}()

const (
	typeOther uint8 = iota
	typePage
	typeFeed
)
