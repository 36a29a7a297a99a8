"""What requests and answers mean over HTTP, without any web framework: headers, bodies, problems, the API's table."""
