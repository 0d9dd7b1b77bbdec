package jsonplan

// Version is the version of kuke in the format of terraform version -json.
type Version struct {
	TerraformVersion   string            `json:"terraform_version"`
	KukeVersion        string            `json:"kuke_version"`
	Platform           string            `json:"platform"`
	ProviderSelections map[string]string `json:"provider_selections"`
	TerraformOutdated  bool              `json:"terraform_outdated"`
}

// OfVersion returns the version of kuke, and the platform such as linux_amd64.
func OfVersion(version, platform string) Version {
	return Version{TerraformVersion: TerraformVersion, KukeVersion: version, Platform: platform, ProviderSelections: map[string]string{}}
}
